/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP segment that becomes the answer to itself. */
#pragma once
#include "checksum.h"
#include "flow.h"

#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* Back to where it came from, with these sequence numbers and flags. Options and data are left behind as padding. */
static __always_inline int answer(struct ethhdr *eth, struct segment *segment, __be32 seq, __be32 ack_seq, __u16 flags)
{
	const __be16 length = bpf_htons(sizeof(struct iphdr) + sizeof(struct tcphdr));
	struct tcphdr *tcp = segment->tcp;
	struct iphdr *ip = segment->ip;
	__u8 mac[ETH_ALEN];
	__be32 address;
	__be16 port;

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);

	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->check = replace16(ip->check, ip->tot_len, length);
	ip->tot_len = length;

	port = tcp->source;
	tcp->source = tcp->dest;
	tcp->dest = port;
	tcp->seq = seq;
	tcp->ack_seq = ack_seq;
	((__be16 *)tcp)[6] = bpf_htons(sizeof(*tcp) / 4 << 12 | flags);
	tcp->window = 0;
	tcp->check = 0;
	tcp->urg_ptr = 0;
	tcp->check = fold(sum16(tcp, sizeof(*tcp)) + sum16(&ip->saddr, 8) + bpf_htons(IPPROTO_TCP + sizeof(*tcp)));
	return XDP_TX;
}
