/* Does what the map says for a frame's first byte, so that the host decides what becomes of each. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct order {
	__u32 verdict;
	__u32 target; /* of XDP_REDIRECT; 0: all of `everyone` */
	__s32 move;   /* of the frame's front: -8 or 4 bytes */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct order);
	__uint(max_entries, 16);
} orders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 16);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 4);
} everyone SEC(".maps");

SEC("xdp")
int obey(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct order *order;
	__u64 *count;
	__u32 key, port = ctx->ingress_ifindex;

	if (data + 14 > end)
		return XDP_ABORTED;
	key = data[0] & 15;
	count = bpf_map_lookup_elem(&seen, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	order = bpf_map_lookup_elem(&orders, &key);
	if (!order)
		return XDP_ABORTED;
	data[1] = port;
	if (order->move == -8) {
		if (bpf_xdp_adjust_head(ctx, -8))
			return XDP_ABORTED;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		if (data + 8 > end)
			return XDP_ABORTED;
		__builtin_memset(data, 0xa5, 8);
	} else if (order->move == 4) {
		if (bpf_xdp_adjust_head(ctx, 4))
			return XDP_ABORTED;
	}
	if (order->verdict == XDP_REDIRECT && !order->target)
		return bpf_redirect_map(&everyone, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
	if (order->verdict == XDP_REDIRECT)
		return bpf_redirect(order->target, 0);
	return order->verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
