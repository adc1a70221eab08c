/* Global data of all kinds, BTF-defined maps, static and global subprograms, several programs. */
#include "common.h"

struct {
	__uint(type, 2);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct value {
	__u32 packets;
	__u8 mark[3];
};

struct {
	__uint(type, 1);
	__uint(max_entries, 1024);
	__uint(map_flags, 1);
	__uint(key_size, 6);
	__type(value, struct value);
} flows SEC(".maps");

const volatile __u32 limit = 7;
const volatile __u8 verdict = XDP_PASS;
static volatile __u64 seen = 5;
volatile __u64 total;
static volatile __s32 last;

static __noinline int leaf(__u64 value)
{
	__sync_fetch_and_add(&total, value);
	last = (__s32)value;
	return value % 7;
}

__noinline int middle(__u64 value)
{
	seen += value;
	return leaf(value + 1) * 3;
}

static __noinline int other(__u64 value)
{
	return leaf(value ^ limit) - 1;
}

SEC("xdp") int first(struct xdp_md *ctx)
{
	__u32 key = limit;
	__u64 *count = bpf_map_lookup_elem(&counts, &key);
	__u8 flow[6] = {};

	if (count)
		__sync_fetch_and_add(count, 1);
	if (bpf_map_lookup_elem(&flows, flow))
		return XDP_DROP;
	if (middle(ctx->ingress_ifindex) > other(key))
		return XDP_TX;
	return verdict;
}

SEC("xdp") int second(struct xdp_md *ctx)
{
	return middle(ctx->rx_queue_index) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
