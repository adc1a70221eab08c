// Four bytes of what goes into the map were never written.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen {
	__u32 port;
	__u64 frames;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct seen);
} last SEC(".maps");

SEC("xdp")
int padding(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct seen seen;

	seen.port = ctx->ingress_ifindex;
	seen.frames = 1;
	bpf_map_update_elem(&last, &key, &seen, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
