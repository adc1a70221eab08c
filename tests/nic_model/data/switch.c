// Two programs for one slot; each leaves its mark at both ends of the frame and in its verdict.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} way SEC(".maps");

static __always_inline int mark(struct xdp_md *ctx, char letter, int verdict)
{
	char *data = (char *)(long)ctx->data;

	if (data + 60 > (char *)(long)ctx->data_end)
		return XDP_ABORTED;
	data[0] = letter;
	data[59] = letter;
	return verdict;
}

SEC("xdp")
int left(struct xdp_md *ctx)
{
	return mark(ctx, 'l', XDP_TX);
}

SEC("xdp")
int right(struct xdp_md *ctx)
{
	return mark(ctx, 'r', XDP_PASS);
}

SEC("xdp")
int crossing(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &way, 0);
	return XDP_DROP;
}

char _license[] SEC("license") = "BSD";
