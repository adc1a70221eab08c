// Every frame touches a map of each kind that the host and the program share, some of them in two places.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct prefix {
	__u32 length;
	__u16 bits;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, __u32);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct large {
	__u64 word[10]; // two rows of the value memory
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct large);
} large SEC(".maps");

SEC("xdp")
int kinds(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	struct prefix prefix = {16, 0};
	__u32 key, front, *found;
	__u64 one = 1, *count;
	struct large fresh = {}, *old;

	if (data + 14 > (unsigned char *)(long)ctx->data_end)
		return XDP_DROP;
	key = data[0] & 7;
	prefix.bits = *(__u16 *)data;
	found = bpf_map_lookup_elem(&prefixes, &prefix);
	count = bpf_map_lookup_elem(&recent, &key);
	if (count)
		++*count;
	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		++*count;
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	old = bpf_map_lookup_elem(&large, &key);
	if (old && key != 2)
		old->word[9]++;
	else
		bpf_map_update_elem(&large, &key, &fresh, BPF_ANY);
	if (key == 3 && !bpf_map_pop_elem(&waiting, &front))
		bpf_map_push_elem(&waiting, &front, BPF_ANY);
	return bpf_redirect_map(&ports, found ? *found : key, XDP_DROP);
}

char _license[] SEC("license") = "BSD";
