/* Maps as tc and ip of iproute2 take them (struct bpf_elf_map), one a map of maps; a static function in a section. */
#include "common.h"

struct bpf_elf_map {
	__u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
};

struct bpf_elf_map SEC("maps") inner_map = {
	.type = 2, .size_key = 4, .size_value = 8, .max_elem = 3, .id = 42, .inner_idx = 0};
struct bpf_elf_map SEC("maps") outer_map = {
	.type = 12, .size_key = 4, .size_value = 4, .max_elem = 2, .id = 43, .pinning = 2, .inner_id = 42};

static __noinline SEC("prog") int verdict(__u64 found)
{
	return found ? XDP_DROP : XDP_PASS;
}

SEC("prog") int nested(struct xdp_md *ctx)
{
	__u32 key = 0;
	void *map = bpf_map_lookup_elem(&outer_map, &key);

	return verdict(map && bpf_map_lookup_elem(map, &key));
}
