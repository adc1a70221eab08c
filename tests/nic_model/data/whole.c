// Every frame adds one to all words of a value, so they are always equal: who sees two that differ saw half a value.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define WORDS 10 // more than a row of the value memory

struct record {
	__u64 word[WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct record);
} fixed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct record);
} keyed SEC(".maps");

static __always_inline void count(struct record *record)
{
	if (!record)
		return;
	for (int i = 0; i < WORDS; i++)
		record->word[i]++;
}

SEC("xdp")
int whole(struct xdp_md *ctx)
{
	__u32 key = 1;

	count(bpf_map_lookup_elem(&fixed, &key));
	count(bpf_map_lookup_elem(&keyed, &key));
	return XDP_DROP;
}

char _license[] SEC("license") = "BSD";
