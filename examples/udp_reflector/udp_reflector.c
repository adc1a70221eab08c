/* SPDX-License-Identifier: BSD-2-Clause */
/* Count frames per IP protocol; send UDP back to where it came from, drop the rest: xdp2 of the Linux samples. */
#include "../include/parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 256);
} protocols SEC(".maps");

static __always_inline __u32 ip_protocol(__be16 type, void *header, void *data_end)
{
	struct iphdr *ip = header;
	struct ipv6hdr *ipv6 = header;

	if (type == bpf_htons(ETH_P_IP) && (void *)(ip + 1) <= data_end)
		return ip->protocol;
	if (type == bpf_htons(ETH_P_IPV6) && (void *)(ipv6 + 1) <= data_end)
		return ipv6->nexthdr;
	return 0;
}

SEC("xdp")
int udp_reflector(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u8 address[ETH_ALEN];
	void *next = data;
	__be16 type = parse_ethernet(data, data_end, &next);
	__u32 protocol = ip_protocol(type, next, data_end);
	__u64 *count = bpf_map_lookup_elem(&protocols, &protocol);

	if (count)
		*count += 1;
	if (protocol != IPPROTO_UDP)
		return XDP_DROP;
	__builtin_memcpy(address, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, address, ETH_ALEN);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
