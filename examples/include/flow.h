/* SPDX-License-Identifier: BSD-2-Clause */
/* The five-tuple of an IPv4 packet, for programs that keep state of flows. */
#pragma once
#include "parse.h"

struct flow {
	__be32 source;
	__be32 dest;
	__be16 source_port;
	__be16 dest_port;
	__u32 protocol;
};

struct segment {
	struct iphdr *ip;
	struct ports *ports;
	struct tcphdr *tcp; /* NULL if it is UDP */
	__u16 *check; /* of TCP or UDP */
};

/* TCP or UDP behind an IPv4 header without options, no fragment: 0 if it is, with the flow. */
static __always_inline int parse_flow(void *data, void *data_end, struct flow *flow, struct segment *segment)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct ports *ports = (void *)(ip + 1);

	if ((void *)ports > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff))
		return -1;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return -1;
		segment->tcp = tcp;
		segment->check = &tcp->check;
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)ports;

		if ((void *)(udp + 1) > data_end)
			return -1;
		segment->tcp = 0;
		segment->check = &udp->check;
	} else {
		return -1;
	}
	segment->ip = ip;
	segment->ports = ports;
	flow->source = ip->saddr;
	flow->dest = ip->daddr;
	flow->source_port = ports->source;
	flow->dest_port = ports->dest;
	flow->protocol = ip->protocol;
	return 0;
}
