/* SPDX-License-Identifier: BSD-2-Clause */
/* Performance and diagnostic metrics for hosts that do not know them (RFC 8250): packets of the inside network get the PDM
 * destination option, with a sequence number of their flow and how long both sides took to answer; packets to it lose it. */
#include "../include/parse.h"

#define PDM_OPTION 0x0f
#define PADN_OPTION 0x01

/* A destination options header with nothing else in it. */
struct pdm {
	__u8 next_header;
	__u8 length; /* in 8 bytes, without the first 8 */
	__u8 type;
	__u8 option_length;
	__u8 received_scale; /* DELTATLR is received_delta << received_scale attoseconds */
	__u8 sent_scale;
	__be16 number; /* PSNTP */
	__be16 last_received; /* PSNLR */
	__be16 received_delta; /* from the last packet received to this one */
	__be16 sent_delta; /* from the last packet sent to the last one received */
	__u8 pad_type;
	__u8 pad_length;
};

struct headers {
	struct ethhdr eth;
	struct ipv6hdr ip;
} __attribute__((packed));

struct flow {
	__be32 inside[4];
	__be32 outside[4];
	__be16 inside_port;
	__be16 outside_port;
	__u32 protocol;
};

struct state {
	__u64 sent_at; /* ns; 0: not yet */
	__u64 received_at;
	__u64 waited; /* ns from sending to receiving */
	__u16 number;
	__u16 last_received;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct flow);
	__type(value, struct state);
	__uint(max_entries, 256);
} flows SEC(".maps");

volatile const __be32 inside_prefix[2] = { bpf_htonl(0x20010db8), 0 }; /* 2001:db8::/64 */

static __always_inline _Bool is_inside(const void *address)
{
	const __be32 *words = address;

	return words[0] == inside_prefix[0] && words[1] == inside_prefix[1];
}

/* Shifts a number until it has 16 bits; how far. */
static __always_inline int scale(__u64 *number)
{
	int shifted = 0;

#define STEP(limit, bits) if (*number >> (limit)) { *number >>= (bits); shifted += (bits); }
	STEP(48, 32)
	STEP(32, 16)
	STEP(24, 8)
	STEP(20, 4)
	STEP(18, 2)
	STEP(17, 1)
	STEP(16, 1)
#undef STEP
	return shifted;
}

/* Time as the option has it: 16 bits, and the power of two of the attoseconds that they count. */
static __always_inline __u16 scaled(__u64 ns, __u8 *power)
{
	int shifted = scale(&ns);

	ns *= 1953125; /* 1 ns is 1953125 << 9 as */
	shifted += 9 + scale(&ns);
	*power = ns ? shifted : 0;
	return ns;
}

static __always_inline int parse_ports(struct flow *flow, const struct ports *ports, __u8 protocol, _Bool outbound)
{
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return -1;
	flow->inside_port = outbound ? ports->source : ports->dest;
	flow->outside_port = outbound ? ports->dest : ports->source;
	flow->protocol = protocol;
	return 0;
}

/* The packet is sent: its option. Returns 0 if there is room for the flow. */
static __always_inline int sent(const struct flow *flow, __u64 now, struct pdm *pdm)
{
	struct state *state = bpf_map_lookup_elem(&flows, flow);

	if (!state) {
		struct state first = { .sent_at = now, .number = now ^ now >> 16 }; /* not easy to guess, RFC 8250 */

		pdm->number = bpf_htons(first.number);
		return bpf_map_update_elem(&flows, flow, &first, BPF_NOEXIST);
	}
	state->number += 1;
	state->sent_at = now;
	pdm->number = bpf_htons(state->number);
	if (state->received_at) {
		pdm->last_received = bpf_htons(state->last_received);
		pdm->received_delta = bpf_htons(scaled(now - state->received_at, &pdm->received_scale));
		pdm->sent_delta = bpf_htons(scaled(state->waited, &pdm->sent_scale));
	}
	return 0;
}

static __always_inline int insert_option(struct xdp_md *ctx, const struct headers *front, struct flow *flow, void *data_end)
{
	struct pdm pdm = {
		.next_header = front->ip.nexthdr,
		.length = sizeof(pdm) / 8 - 1,
		.type = PDM_OPTION,
		.option_length = 10,
		.pad_type = PADN_OPTION,
	};
	const struct ports *ports = (void *)(front + 1);
	struct headers copy = *front, *moved;

	if ((void *)(ports + 1) > data_end || parse_ports(flow, ports, front->ip.nexthdr, 1))
		return XDP_PASS;
	__builtin_memcpy(flow->inside, &front->ip.saddr, sizeof(flow->inside));
	__builtin_memcpy(flow->outside, &front->ip.daddr, sizeof(flow->outside));
	if (sent(flow, bpf_ktime_get_ns(), &pdm))
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(pdm)))
		return XDP_DROP;
	moved = (void *)(long)ctx->data;
	if ((void *)(moved + 1) + sizeof(pdm) > (void *)(long)ctx->data_end) /* only for the verifier */
		return XDP_DROP;
	copy.ip.nexthdr = IPPROTO_DSTOPTS;
	copy.ip.payload_len = bpf_htons(bpf_ntohs(copy.ip.payload_len) + sizeof(pdm));
	*moved = copy;
	*(struct pdm *)(moved + 1) = pdm;
	return XDP_TX;
}

static __always_inline int remove_option(struct xdp_md *ctx, const struct headers *front, struct flow *flow, void *data_end)
{
	const struct pdm *pdm = (void *)(front + 1);
	const struct ports *ports = (void *)(pdm + 1);
	__u64 now = bpf_ktime_get_ns();
	struct headers copy = *front, *moved;
	struct state *state;

	if ((void *)(ports + 1) > data_end || front->ip.nexthdr != IPPROTO_DSTOPTS)
		return XDP_PASS;
	if (pdm->length != sizeof(*pdm) / 8 - 1 || pdm->type != PDM_OPTION || pdm->option_length != 10)
		return XDP_PASS;
	if (parse_ports(flow, ports, pdm->next_header, 0))
		return XDP_PASS;
	__builtin_memcpy(flow->inside, &front->ip.daddr, sizeof(flow->inside));
	__builtin_memcpy(flow->outside, &front->ip.saddr, sizeof(flow->outside));
	state = bpf_map_lookup_elem(&flows, flow);
	if (state) {
		state->received_at = now;
		state->waited = now - state->sent_at;
		state->last_received = bpf_ntohs(pdm->number);
	}
	copy.ip.nexthdr = pdm->next_header;
	copy.ip.payload_len = bpf_htons(bpf_ntohs(copy.ip.payload_len) - sizeof(*pdm));
	if (bpf_xdp_adjust_head(ctx, sizeof(*pdm)))
		return XDP_DROP;
	moved = (void *)(long)ctx->data;
	if ((void *)(moved + 1) > (void *)(long)ctx->data_end) /* only for the verifier */
		return XDP_DROP;
	*moved = copy;
	return XDP_TX;
}

SEC("xdp")
int pdm(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct headers *front = data;
	struct flow flow = {};

	if ((void *)(front + 1) > data_end || front->eth.h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	if (is_inside(&front->ip.saddr))
		return insert_option(ctx, front, &flow, data_end);
	if (is_inside(&front->ip.daddr))
		return remove_option(ctx, front, &flow, data_end);
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
