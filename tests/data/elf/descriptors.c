/* Maps of file descriptors as programs for cilium/ebpf and bpf2go have them, and a ring of a size of its own. */
#include "common.h"

static long (*bpf_tail_call)(void *ctx, void *map, __u32 index) = (void *)12;
static long (*bpf_perf_event_output)(void *ctx, void *map, __u64 flags, void *data, __u64 size) = (void *)25;
static long (*bpf_ringbuf_output)(void *map, void *data, __u64 size, __u64 flags) = (void *)130;

struct {
	__uint(type, 4 /* BPF_MAP_TYPE_PERF_EVENT_ARRAY */);
} perf SEC(".maps");

struct {
	__uint(type, 3 /* BPF_MAP_TYPE_PROG_ARRAY */);
	__uint(max_entries, 2);
} programs SEC(".maps");

struct {
	__uint(type, 27 /* BPF_MAP_TYPE_RINGBUF */);
	__uint(max_entries, 5000);
} ring SEC(".maps");

SEC("xdp") int tell(struct xdp_md *ctx)
{
	__u64 number = 1;

	bpf_perf_event_output(ctx, &perf, 0xffffffffULL /* BPF_F_CURRENT_CPU */, &number, sizeof(number));
	bpf_ringbuf_output(&ring, &number, sizeof(number), 0);
	bpf_tail_call(ctx, &programs, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
