// Reads the frame without asking how long it is.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int unsafe(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	return data[20] == 6 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "BSD";
