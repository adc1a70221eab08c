/* SPDX-License-Identifier: BSD-2-Clause */
/* A stateful firewall. Hosts of the inside network open flows; frames from outside pass only if they belong to one. */
#include "../include/parse.h"

struct flow {
	__be32 inside;
	__be32 outside;
	__be16 inside_port;
	__be16 outside_port;
	__u32 protocol;
};

struct counters {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct flow);
	__type(value, struct counters);
	__uint(max_entries, 1024);
} flows SEC(".maps");

volatile const __be32 inside_network = bpf_htonl(0x0a000000); /* 10.0.0.0/8 */
volatile const __be32 inside_mask = bpf_htonl(0xff000000);

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct flow flow = {};
	struct counters *seen;
	struct ports *ports;
	_Bool outbound, closing = 0;

	if ((void *)(ip + 1) > data_end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_DROP;
	ports = parse_ipv4(ip, data_end);
	if (!ports || (void *)(ports + 1) > data_end)
		return XDP_ABORTED;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return XDP_ABORTED;
		closing = tcp->rst;
	} else if (ip->protocol != IPPROTO_UDP) {
		return XDP_DROP;
	}

	outbound = (ip->saddr & inside_mask) == inside_network;
	flow.protocol = ip->protocol;
	if (outbound) {
		flow.inside = ip->saddr;
		flow.outside = ip->daddr;
		flow.inside_port = ports->source;
		flow.outside_port = ports->dest;
	} else {
		flow.inside = ip->daddr;
		flow.outside = ip->saddr;
		flow.inside_port = ports->dest;
		flow.outside_port = ports->source;
	}

	seen = bpf_map_lookup_elem(&flows, &flow);
	if (!seen) {
		struct counters first = { 1, data_end - data };

		if (!outbound || closing)
			return XDP_DROP;
		if (bpf_map_update_elem(&flows, &flow, &first, BPF_NOEXIST))
			return XDP_DROP; /* the table is full */
		return XDP_TX;
	}
	if (closing) {
		bpf_map_delete_elem(&flows, &flow);
		return XDP_TX;
	}
	seen->frames += 1;
	seen->bytes += data_end - data;
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
