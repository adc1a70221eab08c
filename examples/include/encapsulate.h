/* SPDX-License-Identifier: BSD-2-Clause */
/* New headers in front of an IP packet: Ethernet, then IPv4 or IPv6. */
#pragma once
#include "checksum.h"
#include "parse.h"

/* Room of size bytes between the Ethernet header and what follows it. The frame's MAC addresses are in the new Ethernet
 * header, whose protocol is the caller's. NULL if there is no room. */
static __always_inline struct ethhdr *insert(struct xdp_md *ctx, int size)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, old;

	if ((void *)(eth + 1) > data_end)
		return 0;
	__builtin_memcpy(&old, eth, sizeof(old));
	if (bpf_xdp_adjust_head(ctx, -size))
		return 0;
	eth = data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if ((void *)(eth + 1) + size > data_end) /* only for the verifier */
		return 0;
	__builtin_memcpy(eth, &old, sizeof(old));
	return eth;
}

/* An IPv4 header for length bytes behind it. It is no fragment and may not become any. */
static __always_inline void write_ipv4(struct iphdr *ip, __be32 source, __be32 dest, __u8 protocol, __u16 length)
{
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = 0;
	ip->tot_len = bpf_htons(length + sizeof(*ip));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->check = 0;
	ip->saddr = source;
	ip->daddr = dest;
	ip->check = ipv4_checksum(ip);
}

static __always_inline void write_ipv6(struct ipv6hdr *ip, const __be32 *source, const __be32 *dest, __u8 protocol,
				       __u16 length)
{
	*(__be32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(length);
	ip->nexthdr = protocol;
	ip->hop_limit = 64;
	__builtin_memcpy(&ip->saddr, source, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, dest, sizeof(ip->daddr));
}
