/* CO-RE relocations without an answer, in code that runs: libbpf leaves no valid instruction, so Linux takes none of these. */
#include "common.h"

struct udphdr___other {
	int len;
	void *dest;
} __attribute__((preserve_access_index));

#define UDP(ctx) \
	struct udphdr___other *udp = (void *)(unsigned long)ctx->data; \
	if ((void *)udp + 8 > (void *)(unsigned long)ctx->data_end) \
		return XDP_DROP;

SEC("xdp") int kind(struct xdp_md *ctx)
{
	UDP(ctx)
	return udp->dest ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int sign(struct xdp_md *ctx)
{
	UDP(ctx)
	return udp->len;
}

char _license[] SEC("license") = "GPL";
