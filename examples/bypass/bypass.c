/* SPDX-License-Identifier: BSD-2-Clause */
/* Flow bypass, as intrusion detection systems such as Suricata use it: a flow that the host has seen enough of goes into
 * a table, and from then on its packets are counted and dropped here. The host ages flows out by their counts.
 *
 * A flow is in the table once for each direction. VLAN tags are a part of it, since tenants may use the same addresses.
 */
#include "../include/parse.h"

struct flow4 {
	__be32 source;
	__be32 dest;
	__be16 ports[2];
	__u16 vlans[2];
	__u32 protocol;
};

struct flow6 {
	__be32 source[4];
	__be32 dest[4];
	__be16 ports[2];
	__u16 vlans[2];
	__u32 protocol;
};

struct counts {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__type(key, struct flow4);
	__type(value, struct counts);
	__uint(max_entries, 2048);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__type(key, struct flow6);
	__type(value, struct counts);
	__uint(max_entries, 512);
} flows6 SEC(".maps");

static __always_inline int count(struct counts *counts, __u64 bytes)
{
	if (!counts)
		return XDP_PASS;
	counts->packets += 1;
	counts->bytes += bytes;
	return XDP_DROP;
}

static __always_inline int bypass4(void *header, void *data, void *data_end, const __u16 *vlans)
{
	struct flow4 flow = { .vlans = { vlans[0], vlans[1] } };
	struct iphdr *ip = header;
	struct ports *ports = parse_ipv4(ip, data_end);

	if (!ports || (void *)(ports + 1) > data_end || ip->frag_off & bpf_htons(0x3fff))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	flow.source = ip->saddr;
	flow.dest = ip->daddr;
	flow.ports[0] = ports->source;
	flow.ports[1] = ports->dest;
	flow.protocol = ip->protocol;
	return count(bpf_map_lookup_elem(&flows4, &flow), data_end - data);
}

static __always_inline int bypass6(void *header, void *data, void *data_end, const __u16 *vlans)
{
	struct flow6 flow = { .vlans = { vlans[0], vlans[1] } };
	struct ipv6hdr *ip = header;
	struct ports *ports = (void *)(ip + 1);

	if ((void *)(ports + 1) > data_end)
		return XDP_PASS;
	if (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP)
		return XDP_PASS;
	__builtin_memcpy(flow.source, &ip->saddr, sizeof(flow.source));
	__builtin_memcpy(flow.dest, &ip->daddr, sizeof(flow.dest));
	flow.ports[0] = ports->source;
	flow.ports[1] = ports->dest;
	flow.protocol = ip->nexthdr;
	return count(bpf_map_lookup_elem(&flows6, &flow), data_end - data);
}

SEC("xdp")
int bypass(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *header = eth + 1;
	__u16 vlans[2] = {};
	__be16 protocol;

	if (header > data_end)
		return XDP_PASS;
	protocol = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_header *vlan = header;

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > data_end)
			return XDP_PASS;
		vlans[i] = bpf_ntohs(vlan->tci) & 0xfff;
		protocol = vlan->protocol;
		header = vlan + 1;
	}
	if (protocol == bpf_htons(ETH_P_IP))
		return bypass4(header, data, data_end, vlans);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return bypass6(header, data, data_end, vlans);
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
