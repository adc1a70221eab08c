/* SPDX-License-Identifier: BSD-2-Clause */
/* IP in IP (RFC 2003, RFC 2473, RFC 4213): packets to a virtual address and port go through a tunnel, IPv4 or IPv6. */
#include "../include/encapsulate.h"

enum family { IPV4 = 2, IPV6 = 10 };

/* IPv4 addresses are in the first word, with zeros behind. */
struct service {
	__be32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 family;
};

struct tunnel {
	__be32 source[4];
	__be32 dest[4];
	__u8 gateway[ETH_ALEN]; /* its MAC address */
	__u16 family;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct service);
	__type(value, struct tunnel);
	__uint(max_entries, 256);
} tunnels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 256);
} sent SEC(".maps"); /* packets by protocol */

/* The bytes of the packet as its header has them; 0 if it is not one for a service. */
static __always_inline __u16 parse(void *data, void *data_end, struct service *service)
{
	struct ethhdr *eth = data;
	struct ports *ports;
	__u16 length;

	if ((void *)(eth + 1) > data_end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		ports = parse_ipv4(ip, data_end);
		if (!ports || ip->frag_off & bpf_htons(0x3fff))
			return 0;
		service->family = IPV4;
		service->protocol = ip->protocol;
		service->address[0] = ip->daddr;
		length = bpf_ntohs(ip->tot_len);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		ports = (void *)(ip + 1);
		if ((void *)ports > data_end)
			return 0;
		service->family = IPV6;
		service->protocol = ip->nexthdr;
		__builtin_memcpy(service->address, &ip->daddr, sizeof(ip->daddr));
		length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	} else {
		return 0;
	}
	if (service->protocol != IPPROTO_TCP && service->protocol != IPPROTO_UDP)
		return 0;
	if ((void *)(ports + 1) > data_end)
		return 0;
	service->port = ports->dest;
	return length;
}

SEC("xdp")
int tunnel(struct xdp_md *ctx)
{
	struct service service = {};
	struct tunnel *tunnel;
	struct ethhdr *eth;
	__u16 length;
	__u8 inner;
	__u32 protocol;
	__u64 *count;

	length = parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &service);
	if (!length)
		return XDP_PASS;
	tunnel = bpf_map_lookup_elem(&tunnels, &service);
	if (!tunnel)
		return XDP_PASS;

	inner = service.family == IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	if (tunnel->family == IPV4) {
		eth = insert(ctx, sizeof(struct iphdr));
		if (!eth)
			return XDP_DROP;
		write_ipv4((void *)(eth + 1), tunnel->source[0], tunnel->dest[0], inner, length);
		eth->h_proto = bpf_htons(ETH_P_IP);
	} else {
		eth = insert(ctx, sizeof(struct ipv6hdr));
		if (!eth)
			return XDP_DROP;
		write_ipv6((void *)(eth + 1), tunnel->source, tunnel->dest, inner, length);
		eth->h_proto = bpf_htons(ETH_P_IPV6);
	}
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, tunnel->gateway, ETH_ALEN);

	protocol = service.protocol;
	count = bpf_map_lookup_elem(&sent, &protocol);
	if (count)
		*count += 1;
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
