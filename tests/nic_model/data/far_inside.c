// A map that is used long after it was looked up: a trie that takes its time lies between.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counts {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} left SEC(".maps"), right SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct counts);
} outer SEC(".maps") = {
	.values = { [0] = &left, [1] = &right },
};

struct prefix {
	__u32 length;
	__u8 data[40];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} lpm SEC(".maps");

SEC("xdp")
int program(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	struct prefix prefix = { .length = 320 };
	__u32 slot = ctx->ingress_ifindex, *class;
	__u64 *count;
	void *counts;

	if (data + 60 > (unsigned char *)(long)ctx->data_end)
		return XDP_DROP;
	counts = bpf_map_lookup_elem(&outer, &slot);
	if (!counts)
		return XDP_DROP;
	__builtin_memcpy(prefix.data, data + 14, 40);
	class = bpf_map_lookup_elem(&lpm, &prefix);
	if (!class)
		return XDP_DROP;
	count = bpf_map_lookup_elem(counts, class);
	if (count)
		*count += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
