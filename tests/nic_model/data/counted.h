// What the members of a chain count in: a map of its own for each, and one for all.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u8);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} seen SEC(".maps");
