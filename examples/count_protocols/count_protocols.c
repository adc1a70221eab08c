/* SPDX-License-Identifier: BSD-2-Clause */
/* Count frames per IP protocol (Ethernet, VLAN, IPv4, IPv6), then drop them: xdp1 of the Linux samples. */
#include "../include/parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 256);
} protocols SEC(".maps");

SEC("xdp")
int count_protocols(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	void *next = data;
	__be16 type = parse_ethernet(data, data_end, &next);
	__u32 protocol = 0;
	__u64 *count;

	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = next;

		if ((void *)(ip + 1) <= data_end)
			protocol = ip->protocol;
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = next;

		if ((void *)(ip + 1) <= data_end)
			protocol = ip->nexthdr;
	}
	count = bpf_map_lookup_elem(&protocols, &protocol);
	if (count)
		*count += 1;
	return XDP_DROP;
}

char _license[] SEC("license") = "BSD";
