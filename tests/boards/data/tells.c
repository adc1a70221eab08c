/* What shells refuse: events without a queue, and redirects to a CPU. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 4);
} cpus SEC(".maps");

SEC("xdp")
int tells(struct xdp_md *ctx)
{
	bpf_printk("a frame");
	return XDP_PASS;
}

SEC("xdp")
int to_cpu(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 1, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
