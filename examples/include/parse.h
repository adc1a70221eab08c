/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsing that the examples share: bounds are checked before every access, as the verifier wants it. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct vlan_header {
	__be16 tci;
	__be16 protocol;
};

struct ports {
	__be16 source;
	__be16 dest;
};

/* <linux/icmp.h> needs the C library's headers. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_FRAG_NEEDED 4

struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 unused;
	__be16 mtu;
};

/* Ethernet protocol and what follows, behind up to two VLAN tags; 0 if the frame is too short. */
static __always_inline __be16 parse_ethernet(void *data, void *data_end, void **next)
{
	struct ethhdr *eth = data;
	__be16 protocol;

	if (data + sizeof(*eth) > data_end)
		return 0;
	protocol = eth->h_proto;
	*next = eth + 1;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_header *vlan = *next;

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > data_end)
			return 0;
		protocol = vlan->protocol;
		*next = vlan + 1;
	}
	return protocol;
}

/* The transport header behind an IPv4 header with its options, or NULL. */
static __always_inline void *parse_ipv4(struct iphdr *ip, void *data_end)
{
	__u32 length;

	if ((void *)(ip + 1) > data_end)
		return 0;
	length = ip->ihl * 4;
	if (length < sizeof(*ip))
		return 0;
	if ((void *)ip + length > data_end)
		return 0;
	return (void *)ip + length;
}
