// For a slot of an array of programs in another object.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int upside_down(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_ABORTED;
	data[13] ^= 0xFF;
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
