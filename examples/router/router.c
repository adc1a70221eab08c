/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 forwarding (RFC 1812): longest prefix, neighbour, new MAC addresses, TTL. Everything else is for the host. */
#include "../include/parse.h"

enum action { FORWARD, TO_HOST, BLACKHOLE };

struct prefix {
	__u32 length;
	__be32 address;
};

struct route {
	__be32 gateway; /* 0: the destination itself is a neighbour */
	__u32 action;
	__u64 frames;
	__u64 bytes;
};

struct neighbour {
	__u32 ifindex;
	__u8 address[ETH_ALEN];
	__u8 own_address[ETH_ALEN]; /* of the interface to it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct prefix);
	__type(value, struct route);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __be32);
	__type(value, struct neighbour);
	__uint(max_entries, 256);
} neighbours SEC(".maps");

/* The TTL is the high byte of its word, so the checksum, the complement of the sum, grows by 0x0100 (RFC 1624). */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 sum = (__u32)ip->check + bpf_htons(0x0100);

	ip->check = sum + (sum >= 0xffff);
	ip->ttl--;
}

SEC("xdp")
int router(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct neighbour *neighbour;
	struct prefix destination;
	struct route *route;
	__be32 next_hop;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->version != 4 || ip->ihl != 5 || ip->ttl <= 1)
		return XDP_PASS;

	destination.length = 32;
	destination.address = ip->daddr;
	route = bpf_map_lookup_elem(&routes, &destination);
	if (!route || route->action == TO_HOST)
		return XDP_PASS;
	__sync_fetch_and_add(&route->frames, 1);
	__sync_fetch_and_add(&route->bytes, data_end - data);
	if (route->action == BLACKHOLE)
		return XDP_DROP;

	next_hop = route->gateway ? route->gateway : ip->daddr;
	neighbour = bpf_map_lookup_elem(&neighbours, &next_hop);
	if (!neighbour)
		return XDP_PASS; /* the host asks for its address */

	__builtin_memcpy(eth->h_dest, neighbour->address, ETH_ALEN);
	__builtin_memcpy(eth->h_source, neighbour->own_address, ETH_ALEN);
	decrement_ttl(ip);
	return bpf_redirect(neighbour->ifindex, 0);
}

char _license[] SEC("license") = "BSD";
