// Two maps for one slot; what is in them says what happens to the frame.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct fates {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); // the verdict, and a letter in the next byte
} left SEC(".maps"), right SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct fates);
} way SEC(".maps");

SEC("xdp")
int crossing(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data;
	__u32 key = 0;
	void *fates = bpf_map_lookup_elem(&way, &key);
	__u32 *fate = fates ? bpf_map_lookup_elem(fates, &key) : 0;

	if (!fate)
		return XDP_DROP;
	if (data + 60 > (char *)(long)ctx->data_end)
		return XDP_ABORTED;
	data[0] = *fate >> 8;
	data[59] = *fate >> 8;
	return *fate & 3;
}

char _license[] SEC("license") = "GPL";
