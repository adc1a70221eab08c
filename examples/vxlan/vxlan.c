/* SPDX-License-Identifier: BSD-2-Clause */
/* A VXLAN tunnel end point (RFC 7348) between a VLAN trunk and an IPv4 network. Frames with a VLAN tag lose it and go out
 * in VXLAN; those from VXLAN get one. Where the stations are is learnt from what they send; what is for all of them or for
 * an unknown one goes to the segment's service node. */
#include "../include/encapsulate.h"
#include "../include/jhash.h"

#define VXLAN_PORT 4789
#define VXLAN_HAS_VNI 0x08000000

struct vxlan_header {
	__be32 flags;
	__be32 vni; /* and 8 reserved bits */
};

/* All that is in front of the inner frame's MAC addresses. */
struct outer {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	struct vxlan_header vxlan;
} __attribute__((packed));

struct macs {
	__u8 dest[ETH_ALEN];
	__u8 source[ETH_ALEN];
} __attribute__((packed));

#define GROWTH ((int)(sizeof(struct outer) - sizeof(struct vlan_header)))

struct segment {
	__u32 vni; /* 0: the VLAN is no segment */
	__be32 service_node;
};

struct station {
	__u32 vni;
	__u8 mac[ETH_ALEN];
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct segment);
	__uint(max_entries, 4096);
} segments SEC(".maps"); /* by VLAN */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 256);
} vlans SEC(".maps"); /* by VNI */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct station);
	__type(value, __be32);
	__uint(max_entries, 2048);
} stations SEC(".maps"); /* to the end point behind which they are */

volatile const __be32 own_address = bpf_htonl(0x0a000001); /* 10.0.0.1 */
volatile const __u8 own_mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };
volatile const __u8 gateway[ETH_ALEN] = { 2, 0, 0, 0, 0, 15 };
volatile const __u32 trunk = 2, uplink = 3; /* interfaces */

static __always_inline int encapsulate(struct xdp_md *ctx, const struct macs *inner, const struct vlan_header *vlan)
{
	__u32 number = bpf_ntohs(vlan->tci) & 0xfff, *words = (void *)inner;
	__u16 length = ctx->data_end - ctx->data - sizeof(*vlan);
	struct station station = {};
	struct segment *segment;
	struct outer *outer;
	struct macs macs;
	void *data_end;
	__be32 *remote;
	__u16 port;

	segment = bpf_map_lookup_elem(&segments, &number);
	if (!segment || !segment->vni)
		return XDP_PASS;
	station.vni = segment->vni;
	__builtin_memcpy(station.mac, inner->dest, ETH_ALEN);
	remote = bpf_map_lookup_elem(&stations, &station);
	if (!remote)
		remote = &segment->service_node;
	port = 0xc000 | hash_words(words[0], words[1], words[2], number);
	macs = *inner;

	if (bpf_xdp_adjust_head(ctx, -GROWTH))
		return XDP_DROP;
	outer = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if ((void *)(outer + 1) + sizeof(macs) > data_end) /* only for the verifier */
		return XDP_DROP;
	__builtin_memcpy(outer->eth.h_dest, (const void *)gateway, ETH_ALEN);
	__builtin_memcpy(outer->eth.h_source, (const void *)own_mac, ETH_ALEN);
	outer->eth.h_proto = bpf_htons(ETH_P_IP);
	length += sizeof(outer->udp) + sizeof(outer->vxlan);
	write_ipv4((void *)(&outer->eth + 1), own_address, *remote, IPPROTO_UDP, length);
	outer->udp.source = bpf_htons(port);
	outer->udp.dest = bpf_htons(VXLAN_PORT);
	outer->udp.len = bpf_htons(length);
	outer->udp.check = 0;
	outer->vxlan.flags = bpf_htonl(VXLAN_HAS_VNI);
	outer->vxlan.vni = bpf_htonl(station.vni << 8);
	*(struct macs *)(outer + 1) = macs;
	return bpf_redirect(uplink, 0);
}

static __always_inline int decapsulate(struct xdp_md *ctx, const struct outer *outer, const struct macs *inner)
{
	struct station station = { .vni = bpf_ntohl(outer->vxlan.vni) >> 8 };
	__be32 source = outer->ip.saddr, *known;
	struct vlan_header *tag;
	void *data, *data_end;
	struct macs macs;
	__u32 *vlan;

	if (!(outer->vxlan.flags & bpf_htonl(VXLAN_HAS_VNI)))
		return XDP_DROP;
	vlan = bpf_map_lookup_elem(&vlans, &station.vni);
	if (!vlan)
		return XDP_DROP;
	__builtin_memcpy(station.mac, inner->source, ETH_ALEN);
	known = bpf_map_lookup_elem(&stations, &station);
	if (!known || *known != source)
		bpf_map_update_elem(&stations, &station, &source, BPF_ANY);
	macs = *inner;

	if (bpf_xdp_adjust_head(ctx, GROWTH))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	tag = data + sizeof(macs);
	if ((void *)(tag + 1) > data_end) /* only for the verifier */
		return XDP_DROP;
	*(struct macs *)data = macs;
	/* The inner frame's type follows as it is. */
	*(__be16 *)tag = bpf_htons(ETH_P_8021Q);
	*((__be16 *)tag + 1) = bpf_htons(*vlan);
	return bpf_redirect(trunk, 0);
}

SEC("xdp")
int vxlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct outer *outer = data;

	if ((void *)(eth + 1) > data_end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) {
		struct vlan_header *vlan = (void *)(eth + 1);

		if ((void *)(vlan + 1) > data_end)
			return XDP_PASS;
		return encapsulate(ctx, data, vlan);
	}
	if ((void *)(outer + 1) + sizeof(*eth) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (outer->ip.ihl != 5 || outer->ip.protocol != IPPROTO_UDP || outer->ip.frag_off & bpf_htons(0x3fff))
		return XDP_PASS;
	if (outer->ip.daddr != own_address || outer->udp.dest != bpf_htons(VXLAN_PORT))
		return XDP_PASS;
	return decapsulate(ctx, outer, (void *)(outer + 1));
}

char _license[] SEC("license") = "BSD";
