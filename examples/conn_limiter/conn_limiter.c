/* SPDX-License-Identifier: BSD-2-Clause */
/* Each source address may have so many TCP connections open at a time; further ones are refused with an RST, so that the
 * client knows at once. A connection counts from its SYN to the first FIN or RST. */
#include "../include/tcp_answer.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct flow);
	__type(value, __u64);
	__uint(max_entries, 2048);
} connections SEC(".maps"); /* to the time at which each began */

struct source {
	__u32 open;
	__u32 refused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __be32);
	__type(value, struct source);
	__uint(max_entries, 1024);
} sources SEC(".maps");

volatile const __u32 limit = 8;

SEC("xdp")
int conn_limiter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct source fresh = { .open = 1 }, *source;
	struct segment segment;
	struct flow flow = {};
	struct tcphdr *tcp;
	__u64 now;

	if (parse_flow(data, data_end, &flow, &segment) || !segment.tcp)
		return XDP_PASS;
	tcp = segment.tcp;

	if (tcp->fin || tcp->rst) {
		if (bpf_map_delete_elem(&connections, &flow))
			return XDP_PASS; /* not counted */
		source = bpf_map_lookup_elem(&sources, &flow.source);
		if (source)
			source->open -= 1;
		return XDP_PASS;
	}
	if (!tcp->syn || tcp->ack || bpf_map_lookup_elem(&connections, &flow))
		return XDP_PASS;

	source = bpf_map_lookup_elem(&sources, &flow.source);
	if (source && source->open >= limit) {
		source->refused += 1;
		/* RST, and ACK of the sequence number behind the SYN (RFC 9293 section 3.5.2) */
		return answer(data, &segment, 0, bpf_htonl(bpf_ntohl(tcp->seq) + 1), TCP_RST | TCP_ACK);
	}
	now = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&connections, &flow, &now, BPF_NOEXIST))
		return XDP_DROP; /* the table is full */
	if (source)
		source->open += 1;
	else
		bpf_map_update_elem(&sources, &flow.source, &fresh, BPF_NOEXIST);
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
