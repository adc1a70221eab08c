// Second of a chain: sees what the first made of the frame, counts in a map of the same name and in a shared one.
#include "counted.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} more SEC(".maps");

SEC("xdp")
int mark(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, kind;
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&counts, &zero);

	if (count)
		*count += ctx->data_end - ctx->data;
	if (data + 16 > end)
		return XDP_DROP;
	kind = data[0] & 15;
	if (kind == 1) {
		__u32 one = 1;

		bpf_map_update_elem(&seen, &kind, &one, BPF_ANY);
	}
	data[5] = 0x22;
	bpf_tail_call(ctx, &more, kind);
	return kind & 1 ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "BSD";
