/* SPDX-License-Identifier: BSD-2-Clause */
/* A parser in several programs that follow each other by tail calls: one for each layer, one for each transport. */
#include "../include/parse.h"

enum layer { IPV4, IPV6, OTHER, LAYERS };
enum counter { NOT_IP, TCP_SYNS, TCP_SEGMENTS, UDP_DATAGRAMS, OTHER_TRANSPORTS, COUNTERS };

/* Where the transport header begins: programs hand on no more than the context, so the rest goes through a map. */
struct found {
	__u32 transport;
};

int ipv4(struct xdp_md *ctx), ipv6(struct xdp_md *ctx), tcp(struct xdp_md *ctx), udp(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(max_entries, LAYERS);
	__array(values, int (struct xdp_md *));
} layers SEC(".maps") = {
	.values = { [IPV4] = (void *)&ipv4, [IPV6] = (void *)&ipv6 },
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(max_entries, 256);
	__array(values, int (struct xdp_md *));
} transports SEC(".maps") = {
	.values = { [IPPROTO_TCP] = (void *)&tcp, [IPPROTO_UDP] = (void *)&udp },
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct found);
	__uint(max_entries, 1);
} notes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, COUNTERS);
} counters SEC(".maps");

static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += 1;
}

static __always_inline void note(void *transport, void *data)
{
	__u32 key = 0;
	struct found *found = bpf_map_lookup_elem(&notes, &key);

	if (found)
		found->transport = transport - data;
}

static __always_inline void *noted(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct found *found = bpf_map_lookup_elem(&notes, &key);

	return (void *)(long)ctx->data + (found ? found->transport & 127 : 0);
}

SEC("xdp")
int tcp(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = noted(ctx);

	if ((void *)(tcp + 1) > data_end)
		return XDP_ABORTED;
	count(tcp->syn ? TCP_SYNS : TCP_SEGMENTS);
	return tcp->dest == bpf_htons(23) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int udp(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct udphdr *udp = noted(ctx);

	if ((void *)(udp + 1) > data_end)
		return XDP_ABORTED;
	count(UDP_DATAGRAMS);
	return udp->dest == bpf_htons(53) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int ipv4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	void *transport = parse_ipv4(ip, data_end);

	if (!transport)
		return XDP_ABORTED;
	note(transport, data);
	bpf_tail_call(ctx, &transports, ip->protocol);
	count(OTHER_TRANSPORTS);
	return XDP_PASS;
}

SEC("xdp")
int ipv6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > data_end)
		return XDP_ABORTED;
	note(ip + 1, data);
	bpf_tail_call(ctx, &transports, ip->nexthdr);
	count(OTHER_TRANSPORTS);
	return XDP_PASS;
}

SEC("xdp")
int chain(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 layer = OTHER;

	if ((void *)(eth + 1) > data_end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		layer = IPV4;
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		layer = IPV6;
	bpf_tail_call(ctx, &layers, layer);
	count(NOT_IP);
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
