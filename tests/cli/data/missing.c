// Two programs: one that needs what there is no hardware for, one that does not.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 8 * 127);
} traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} other SEC(".maps");

SEC("xdp/traced")
int traced(struct xdp_md *ctx)
{
	return bpf_get_stackid(ctx, &traces, 0) < 0 ? XDP_ABORTED : XDP_PASS;
}

volatile const unsigned limit = 100;
unsigned long long frames;

SEC("xdp")
int counting(struct xdp_md *ctx)
{
	frames++;
	return ctx->data_end - ctx->data > limit ? XDP_DROP : XDP_PASS;
}

SEC("xdp/other")
int with_other(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 *value = bpf_map_lookup_elem(&other, &key);
	return value && *value ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
