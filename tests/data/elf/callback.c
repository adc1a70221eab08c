/* Addresses of functions, as bpf_loop takes them. */
#include "common.h"

static int add(__u32 index, __u64 *sum)
{
	*sum += index;
	return 0;
}

static int twice(__u32 index, __u64 *sum)
{
	*sum += 2 * index;
	return 0;
}

SEC("xdp") int loop(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_loop(10, twice, &sum, 0);
	bpf_loop(10, add, &sum, 0);
	return sum > 100 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
