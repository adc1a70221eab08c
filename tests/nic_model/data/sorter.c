/* Programs whose frames say what shall become of them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 8);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 8);
} ports SEC(".maps");

__u64 seen;

/* Byte 0 is the verdict, byte 1 the interface to redirect to. */
SEC("xdp")
int sorter(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	if (data + 2 > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	__sync_fetch_and_add(&seen, 1);
	if (data[0] == XDP_REDIRECT)
		return bpf_redirect(data[1], 0);
	return data[0] < XDP_REDIRECT ? data[0] : XDP_ABORTED;
}

/* Byte 0 is the CPU. */
SEC("xdp")
int to_cpu(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	return data + 1 > (__u8 *)(long)ctx->data_end ? XDP_ABORTED : bpf_redirect_map(&cpus, data[0] & 7, XDP_DROP);
}

/* Byte 0 is a CPU, or a port. */
SEC("xdp")
int to_either(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	if (data + 1 > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (data[0] > 7)
		return bpf_redirect_map(&ports, data[0] & 7, XDP_DROP);
	return bpf_redirect_map(&cpus, data[0], XDP_DROP);
}

char _license[] SEC("license") = "Dual BSD/GPL";
