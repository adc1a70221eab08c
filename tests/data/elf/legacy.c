/* Maps as they were defined before BTF: the kernel samples' struct, with fields of later times at its end. */
#include "common.h"

struct bpf_map_def {
	__u32 type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node;
};

struct bpf_map_def SEC("maps") first_map = {.type = 2, .key_size = 4, .value_size = 8, .max_entries = 16};
struct bpf_map_def SEC("maps") second_map = {
	.type = 1, .key_size = 6, .value_size = 12, .max_entries = 100, .map_flags = 1, .numa_node = 3};

SEC("xdp1") int count(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&first_map, &key);
	__u8 flow[6] = {};

	if (value)
		*value += 1;
	return bpf_map_lookup_elem(&second_map, flow) ? XDP_DROP : XDP_PASS;
}
