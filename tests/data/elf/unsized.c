/* A map whose size user space sets before loading, and a section with a name of its own. */
#include "common.h"

struct bpf_map_def {
	__u32 type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") table = {.type = 1, .key_size = 4, .value_size = 8};

SEC("xdp-balancer") int balance(struct xdp_md *ctx)
{
	__u32 *data = (void *)(unsigned long)ctx->data, key;
	__u64 *count;

	if ((void *)(data + 8) > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	key = data[7];
	count = bpf_map_lookup_elem(&table, &key);
	if (!count)
		return XDP_PASS;
	*count += 1;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
