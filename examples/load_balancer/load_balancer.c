/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer 4 load balancer, as Katran is one: packets to a virtual address go to a real server, in an IPIP tunnel. The
 * server of a new connection comes from its place on the service's ring, which the host fills by consistent hashing
 * (Maglev); known connections stay with their server when the ring changes. */
#include "../include/encapsulate.h"
#include "../include/flow.h"
#include "../include/jhash.h"

#define RING 251 /* a prime number */
#define SERVICES 8
#define REALS 64

struct service_key {
	__be32 address;
	__be16 port;
	__u16 protocol;
};

enum { ANY_SOURCE_PORT = 1, NO_CONNECTIONS = 2 };

struct service {
	__u32 number;
	__u32 flags;
};

struct counts {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct service_key);
	__type(value, struct service);
	__uint(max_entries, SERVICES);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, SERVICES * RING);
} rings SEC(".maps"); /* number of the real server */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow);
	__type(value, __u32);
	__uint(max_entries, 2048);
} connections SEC(".maps"); /* number of the real server */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __be32);
	__uint(max_entries, REALS);
} reals SEC(".maps"); /* addresses; 0: there is none */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, REALS);
} sent SEC(".maps");

volatile const __u8 gateway[ETH_ALEN] = { 2, 0, 0, 0, 0, 15 };

/* The real server for a connection that is not known. */
static __always_inline __u32 *from_ring(const struct service *service, const struct flow *flow)
{
	__u16 port = service->flags & ANY_SOURCE_PORT ? 0 : flow->source_port;
	__u32 place = hash_words(flow->source, port, flow->dest, service->number) % RING;

	place += service->number * RING;
	return bpf_map_lookup_elem(&rings, &place);
}

SEC("xdp")
int load_balancer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct service_key key;
	struct service *service;
	__u32 *found = 0, number;
	struct flow flow = {};
	struct segment segment;
	struct counts *counts;
	struct ethhdr *eth;
	__be32 *real;
	__u16 length;
	_Bool opens;

	if (parse_flow(data, data_end, &flow, &segment))
		return XDP_PASS;
	key.address = flow.dest;
	key.port = flow.dest_port;
	key.protocol = flow.protocol;
	service = bpf_map_lookup_elem(&services, &key);
	if (!service)
		return XDP_PASS;

	opens = segment.tcp && segment.tcp->syn;
	if (!opens && !(service->flags & NO_CONNECTIONS))
		found = bpf_map_lookup_elem(&connections, &flow);
	if (found) {
		number = *found;
	} else {
		found = from_ring(service, &flow);
		if (!found)
			return XDP_DROP;
		number = *found;
		if (!(service->flags & NO_CONNECTIONS))
			bpf_map_update_elem(&connections, &flow, &number, BPF_ANY);
	}
	real = bpf_map_lookup_elem(&reals, &number);
	if (!real || !*real)
		return XDP_DROP;
	counts = bpf_map_lookup_elem(&sent, &number);
	if (!counts)
		return XDP_DROP;
	counts->packets += 1;
	counts->bytes += data_end - data;

	length = bpf_ntohs(segment.ip->tot_len);
	eth = insert(ctx, sizeof(struct iphdr));
	if (!eth) /* only for the verifier */
		return XDP_DROP;
	/* A source address for each connection, so that receivers spread their load over queues. */
	write_ipv4((void *)(eth + 1), bpf_htonl(0xac100000) | ((flow.source ^ flow.source_port) & bpf_htonl(0xffff)), *real,
		   IPPROTO_IPIP, length);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, (const void *)gateway, ETH_ALEN);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
