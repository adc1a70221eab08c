/* SPDX-License-Identifier: BSD-2-Clause */
/* Destination and source NAT from a table that the host fills, with incremental checksums (RFC 1624). */
#include "../include/checksum.h"
#include "../include/parse.h"

struct endpoint {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 direction; /* 0: rewrite the destination, 1: rewrite the source */
};

struct rewrite {
	__be32 address;
	__be16 port;
	__u16 pad;
	__u64 frames;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct endpoint);
	__type(value, struct rewrite);
	__uint(max_entries, 256);
} rewrites SEC(".maps");

SEC("xdp")
int nat(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct endpoint endpoint = {};
	struct rewrite *rewrite;
	struct ports *ports;
	__be32 *address;
	__be16 *port;
	__u16 *check;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;
	ports = (void *)(ip + 1);
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return XDP_ABORTED;
		check = &tcp->check;
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)ports;

		if ((void *)(udp + 1) > data_end)
			return XDP_ABORTED;
		check = &udp->check;
	} else {
		return XDP_PASS;
	}

	endpoint.protocol = ip->protocol;
	endpoint.address = ip->daddr;
	endpoint.port = ports->dest;
	rewrite = bpf_map_lookup_elem(&rewrites, &endpoint);
	if (rewrite) {
		address = &ip->daddr;
		port = &ports->dest;
	} else {
		endpoint.direction = 1;
		endpoint.address = ip->saddr;
		endpoint.port = ports->source;
		rewrite = bpf_map_lookup_elem(&rewrites, &endpoint);
		if (!rewrite)
			return XDP_PASS;
		address = &ip->saddr;
		port = &ports->source;
	}

	if (ip->protocol == IPPROTO_TCP || *check) {
		__u16 sum = replace32(*check, *address, rewrite->address);

		sum = replace16(sum, *port, rewrite->port);
		if (ip->protocol == IPPROTO_UDP && !sum)
			sum = 0xffff;
		*check = sum;
	}
	ip->check = replace32(ip->check, *address, rewrite->address);
	*address = rewrite->address;
	*port = rewrite->port;
	__sync_fetch_and_add(&rewrite->frames, 1);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
