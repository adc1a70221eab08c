/* Programs that iproute2 puts into slots of an array because of the names of their sections. */
#include "common.h"

static long (*bpf_tail_call)(void *ctx, void *map, __u32 index) = (void *)12;

struct bpf_elf_map {
	__u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
};

struct bpf_elf_map SEC("maps") calls = {
	.type = 3, .size_key = 4, .size_value = 4, .max_elem = 20, .id = 2};

SEC("2/7") int seventh(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("0x2/0x10") int sixteenth(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("3/1") int elsewhere(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("from-netdev") int entry(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &calls, 7);
	bpf_tail_call(ctx, &calls, 16);
	return XDP_PASS;
}
