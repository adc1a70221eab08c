/* BTF-defined maps of maps and of programs, with their initial contents. */
#include "common.h"

struct inner {
	__uint(type, 2);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} left SEC(".maps"), right SEC(".maps");

SEC("xdp") int target(struct xdp_md *ctx) { return XDP_TX; }

struct {
	__uint(type, 12);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {[0] = (void *)&left, [1] = (void *)&right}};

struct {
	__uint(type, 3);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(struct xdp_md *));
} jumps SEC(".maps") = {.values = {[2] = (void *)&target}};

SEC("xdp") int main_program(struct xdp_md *ctx)
{
	__u32 key = 0;
	void *map = bpf_map_lookup_elem(&outer, &key);

	return map && bpf_map_lookup_elem(map, &key) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
