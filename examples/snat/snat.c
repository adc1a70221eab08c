/* SPDX-License-Identifier: BSD-2-Clause */
/* Source NAT of TCP and UDP: all of the inside network shares one address outside. Each flow gets a port of its own, from
 * a queue that the host fills at the start; ports come back when a connection is reset, and otherwise by the host, which
 * ages flows out. Only the peer that a flow goes to can answer (address and port dependent filtering, RFC 4787). */
#include "../include/checksum.h"
#include "../include/flow.h"

#define FIRST_PORT 32768
#define PORTS 1024

struct translation {
	struct flow flow; /* as it is inside, from there */
	__u32 packets_out;
	__u32 packets_in;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct flow);
	__type(value, __u32);
	__uint(max_entries, PORTS);
} outbound SEC(".maps"); /* number of the translation */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct translation);
	__uint(max_entries, PORTS);
} translations SEC(".maps"); /* number i has port FIRST_PORT + i outside; not in use if all is 0 */

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__type(value, __u32);
	__uint(max_entries, PORTS);
} free_numbers SEC(".maps");

volatile const __be32 inside_network = bpf_htonl(0x0a000000); /* 10.0.0.0/8 */
volatile const __be32 inside_mask = bpf_htonl(0xff000000);
volatile const __be32 outside_address = bpf_htonl(0xc0000201); /* 192.0.2.1 */

/* Another address and port in the packet, and in its checksums. */
static __always_inline void rewrite(struct segment *segment, __be32 *address, __be16 *port, __be32 to, __be16 to_port)
{
	__u16 *check = segment->check;

	if (segment->tcp || *check) {
		__u16 sum = replace16(replace32(*check, *address, to), *port, to_port);

		if (!segment->tcp && !sum)
			sum = 0xffff;
		*check = sum;
	}
	segment->ip->check = replace32(segment->ip->check, *address, to);
	*address = to;
	*port = to_port;
}

/* The number for a flow that has none yet, or -1. */
static __always_inline int allocate(struct flow *flow)
{
	struct translation *translation;
	__u32 number;

	if (bpf_map_pop_elem(&free_numbers, &number))
		return -1;
	translation = bpf_map_lookup_elem(&translations, &number);
	if (!translation)
		return -1;
	if (bpf_map_update_elem(&outbound, flow, &number, BPF_NOEXIST))
		return -1;
	__builtin_memset(translation, 0, sizeof(*translation));
	translation->flow = *flow;
	return number;
}

/* The flow is over. Its number comes last in the queue, so that it rests as long as possible. */
static __always_inline void release(struct translation *translation, __u32 number)
{
	struct flow flow = translation->flow;

	__builtin_memset(translation, 0, sizeof(*translation));
	bpf_map_delete_elem(&outbound, &flow);
	bpf_map_push_elem(&free_numbers, &number, 0);
}

SEC("xdp")
int snat(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct translation *translation;
	struct segment segment;
	struct flow flow = {};
	struct ports *ports;
	struct iphdr *ip;
	_Bool reset;
	__u32 number;

	if (parse_flow(data, data_end, &flow, &segment))
		return XDP_PASS;
	ip = segment.ip;
	ports = segment.ports;
	reset = segment.tcp && segment.tcp->rst;

	if ((ip->saddr & inside_mask) == inside_network) {
		__u32 *found;

		if ((ip->daddr & inside_mask) == inside_network)
			return XDP_PASS;
		found = bpf_map_lookup_elem(&outbound, &flow);
		if (found) {
			number = *found;
		} else {
			int fresh = reset ? -1 : allocate(&flow);

			if (fresh < 0)
				return XDP_DROP;
			number = fresh;
		}
		translation = bpf_map_lookup_elem(&translations, &number);
		if (!translation)
			return XDP_ABORTED;
		translation->packets_out += 1;
		rewrite(&segment, &ip->saddr, &ports->source, outside_address, bpf_htons(FIRST_PORT + number));
	} else {
		if (ip->daddr != outside_address)
			return XDP_PASS;
		number = bpf_ntohs(ports->dest) - FIRST_PORT;
		translation = bpf_map_lookup_elem(&translations, &number);
		if (!translation)
			return XDP_PASS; /* a port of the host's own */
		if (translation->flow.dest != ip->saddr || translation->flow.dest_port != ports->source ||
		    translation->flow.protocol != ip->protocol)
			return XDP_DROP;
		translation->packets_in += 1;
		rewrite(&segment, &ip->daddr, &ports->dest, translation->flow.source, translation->flow.source_port);
	}
	if (reset)
		release(translation, number);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
