// First of a chain: a tag in front of every frame, counted; some frames end here.
#include "counted.h"

SEC("xdp")
int mark(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, kind;
	__u32 zero = 0, *known;
	__u64 *count = bpf_map_lookup_elem(&counts, &zero);

	if (count)
		++*count;
	if (data + 14 > end)
		return XDP_DROP;
	kind = data[0] & 15;
	known = bpf_map_lookup_elem(&seen, &kind);
	if (known)
		++*known;
	if (kind == 7)
		return 34; // in the dispatcher's eyes XDP_PASS: only the low five bits of a verdict count
	if (kind >= 8)
		return kind - 8; // XDP_ABORTED and so on, and verdicts that there are not
	if (bpf_xdp_adjust_head(ctx, -4))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + 4 > end)
		return XDP_ABORTED;
	data[0] = kind;
	data[1] = data[2] = data[3] = 0;
	return XDP_PASS;
}

struct {
	__uint(priority, 7);
	__uint(XDP_PASS, 1);
	__uint(XDP_TX, 1);
} _mark SEC(".xdp_run_config");

char _license[] SEC("license") = "BSD";
