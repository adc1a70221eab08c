/* SPDX-License-Identifier: BSD-2-Clause */
/* Answer pings to one address; everything else goes to the host. */
#include "../include/parse.h"

volatile const __be32 own_address = bpf_htonl(0xc0000201); /* 192.0.2.1 */

SEC("xdp")
int icmp_echo(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct icmp_header *icmp;
	__u8 address[ETH_ALEN];
	__u32 sum;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_ICMP || ip->daddr != own_address)
		return XDP_PASS;
	icmp = parse_ipv4(ip, data_end);
	if (!icmp || (void *)(icmp + 1) > data_end || icmp->type != ICMP_ECHO || icmp->code)
		return XDP_PASS;

	__builtin_memcpy(address, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, address, ETH_ALEN);
	/* Swapping the addresses leaves the IP checksum as it is; the type goes from 8 to 0 (RFC 1624). */
	ip->daddr = ip->saddr;
	ip->saddr = own_address;
	icmp->type = ICMP_ECHOREPLY;
	sum = icmp->checksum + bpf_htons(ICMP_ECHO << 8);
	icmp->checksum = sum + (sum >> 16);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
