/* SPDX-License-Identifier: BSD-2-Clause */
/* An access list of up to 64 rules on five-tuples, the first of which that matches counts and decides. Each field is looked
 * up on its own, which gives a bit for each rule that the field matches; the rules that match are all of these bits ANDed
 * (Lakshman and Stiliadis, SIGCOMM 1998). Prefixes of ports are ranges of them. */
#include "../include/flow.h"

#define RULES 64

struct address_prefix {
	__u32 length;
	__be32 address;
};

struct port_prefix {
	__u32 length;
	__be16 port;
} __attribute__((packed));

struct rule {
	__u32 verdict;
	__u32 pad;
	__u64 packets;
};

/* Of the bits behind a prefix all rules are a part that match all of it, those of shorter prefixes too. */
struct addresses {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct address_prefix);
	__type(value, __u64);
	__uint(max_entries, 128);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} sources SEC(".maps"), destinations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct port_prefix);
	__type(value, __u64);
	__uint(max_entries, 128);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} source_ports SEC(".maps"), destination_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 256);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct rule);
	__uint(max_entries, RULES);
} rules SEC(".maps");

volatile const __u32 otherwise = XDP_DROP; /* where no rule matches */

static __always_inline __u64 bits(const __u64 *found)
{
	return found ? *found : 0;
}

/* The number of the lowest bit that is set; there is one. */
static __always_inline __u32 lowest(__u64 set)
{
	__u32 number = 0;

#pragma unroll
	for (int half = RULES / 2; half; half /= 2) {
		if (set << (RULES - half))
			continue;
		set >>= half;
		number += half;
	}
	return number;
}

SEC("xdp")
int acl(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct address_prefix address = { .length = 32 };
	struct port_prefix port = { .length = 16 };
	struct segment segment;
	struct flow flow = {};
	struct rule *rule;
	__u32 number;
	__u64 set;

	if (parse_flow(data, data_end, &flow, &segment))
		return XDP_PASS;
	set = bits(bpf_map_lookup_elem(&protocols, &flow.protocol));
	address.address = flow.source;
	set &= bits(bpf_map_lookup_elem(&sources, &address));
	address.address = flow.dest;
	set &= bits(bpf_map_lookup_elem(&destinations, &address));
	port.port = flow.source_port;
	set &= bits(bpf_map_lookup_elem(&source_ports, &port));
	port.port = flow.dest_port;
	set &= bits(bpf_map_lookup_elem(&destination_ports, &port));
	if (!set)
		return otherwise;

	number = lowest(set);
	rule = bpf_map_lookup_elem(&rules, &number);
	if (!rule)
		return XDP_ABORTED;
	rule->packets += 1;
	return rule->verdict;
}

char _license[] SEC("license") = "BSD";
