/* SPDX-License-Identifier: BSD-2-Clause */
/* A SYN-flood filter without state for those who flood. The first SYN of an address is answered with a SYN-ACK that
 * acknowledges a cookie, not the SYN. A real client answers that with an RST whose sequence number is the cookie (RFC 9293
 * section 3.10.7.3), which shows that it is where it says it is; its SYNs pass from then on, the next a second later. */
#include "../include/jhash.h"
#include "../include/tcp_answer.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __be32);
	__type(value, __u64);
	__uint(max_entries, 4096);
} verified SEC(".maps"); /* until when, ns */

enum { CHALLENGED, VERIFIED, PASSED, FORGED, COUNTERS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, COUNTERS);
} counters SEC(".maps");

volatile const __u32 secret = 0x6a09e667; /* the host draws one when it loads the program */
volatile const __u64 trusted_ns = 60000000000;
volatile const __u32 slot_bits = 31; /* a cookie is good for one to two times 2**31 ns */

static __always_inline __u32 cookie(const struct flow *flow, __u32 slot)
{
	__u32 ports = (__u32)flow->source_port << 16 | flow->dest_port;

	return hash_words(flow->source, flow->dest, ports ^ slot, secret);
}

static __always_inline void count(__u32 which)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &which);

	if (counter)
		*counter += 1;
}

SEC("xdp")
int syn_filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns(), until, *known;
	__u32 slot = now >> slot_bits;
	struct segment segment;
	struct flow flow = {};
	struct tcphdr *tcp;

	if (parse_flow(data, data_end, &flow, &segment) || !segment.tcp)
		return XDP_PASS;
	tcp = segment.tcp;

	if (tcp->syn && !tcp->ack) {
		known = bpf_map_lookup_elem(&verified, &flow.source);
		if (known && now < *known) {
			count(PASSED);
			return XDP_PASS;
		}
		count(CHALLENGED);
		return answer(data, &segment, 0, bpf_htonl(cookie(&flow, slot)), TCP_SYN | TCP_ACK);
	}
	if (tcp->rst && !tcp->ack) {
		__u32 seq = bpf_ntohl(tcp->seq);

		if (seq == cookie(&flow, slot) || seq == cookie(&flow, slot - 1)) {
			until = now + trusted_ns;
			bpf_map_update_elem(&verified, &flow.source, &until, BPF_ANY);
			count(VERIFIED);
			return XDP_DROP;
		}
		count(FORGED);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
