/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry: tells the host of every flow's first frame, of each frame count that is a power of two, and of its end.
 * Frames pass as they are. Records are in a ring buffer; one is reserved before the flow is written to the table, and
 * given up if there is no room for the flow. */
#include "../include/parse.h"

#define TCP_FIN 1
#define TCP_RST 4

struct flow {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 protocol;
};

struct counters {
	__u64 first_ns;
	__u64 frames;
	__u64 bytes;
};

enum event_kind { FLOW_NEW = 1, FLOW_GROWS, FLOW_ENDS };

struct event {
	__u64 time_ns;
	struct flow flow;
	struct counters counters;
	__u32 kind;
	__u32 interface;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct flow);
	__type(value, struct counters);
	__uint(max_entries, 256);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

/* Lets the type of the records into the object, so that the host can show them. */
const struct event *unused_event __attribute__((unused));

__u64 untold = 0; /* frames of flows for which there was no room in the table */

static __always_inline struct event *reserve(struct xdp_md *ctx, __u32 kind, __u64 now, const struct flow *flow)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (event) {
		event->time_ns = now;
		event->flow = *flow;
		event->kind = kind;
		event->interface = ctx->ingress_ifindex;
	}
	return event;
}

static __always_inline void new_flow(struct xdp_md *ctx, const struct flow *flow, __u64 now, __u64 bytes)
{
	struct counters first = { now, 1, bytes };
	struct event *event = reserve(ctx, FLOW_NEW, now, flow);

	if (!event)
		return; /* its next frame tries again */
	event->counters = first;
	if (bpf_map_update_elem(&flows, flow, &first, BPF_NOEXIST)) {
		untold++;
		bpf_ringbuf_discard(event, 0);
		return;
	}
	bpf_ringbuf_submit(event, 0);
}

SEC("xdp")
int telemetry(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 bytes = data_end - data, now = bpf_ktime_get_ns();
	_Bool ends = 0;
	struct flow flow = {};
	struct counters *seen;
	struct event *event;
	struct ports *ports;
	struct iphdr *ip;
	void *next;

	if (parse_ethernet(data, data_end, &next) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = next;
	ports = parse_ipv4(ip, data_end);
	if (!ports || (void *)(ports + 1) > data_end)
		return XDP_PASS;
	if (ip->protocol == IPPROTO_TCP) {
		__u8 *header = (void *)ports;

		if (header + sizeof(struct tcphdr) > (__u8 *)data_end)
			return XDP_PASS;
		ends = header[13] & (TCP_FIN | TCP_RST);
	} else if (ip->protocol != IPPROTO_UDP) {
		return XDP_PASS;
	}
	flow.source = ip->saddr;
	flow.destination = ip->daddr;
	flow.source_port = ports->source;
	flow.destination_port = ports->dest;
	flow.protocol = ip->protocol;

	seen = bpf_map_lookup_elem(&flows, &flow);
	if (!seen) {
		if (!ends)
			new_flow(ctx, &flow, now, bytes);
		return XDP_PASS;
	}
	seen->frames++;
	seen->bytes += bytes;
	if (!ends && seen->frames & (seen->frames - 1))
		return XDP_PASS;
	event = reserve(ctx, ends ? FLOW_ENDS : FLOW_GROWS, now, &flow);
	if (event) {
		event->counters = *seen;
		bpf_ringbuf_submit(event, 0);
	}
	if (ends)
		bpf_map_delete_elem(&flows, &flow);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
