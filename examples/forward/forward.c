/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwarding of IPv4 and IPv6 by the routes of the host, after RFC 1812 and RFC 8200: bpf_fib_lookup says where to, and
 * with which MAC addresses. Where it does not know, or the frame is too long for the way, the host sees to it. */
#include "../include/parse.h"

#define AF_INET 2
#define AF_INET6 10

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
	__uint(max_entries, 64);
} ports SEC(".maps");

enum counter { FORWARDED, TO_HOST, DROPPED, COUNTERS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, COUNTERS);
} counters SEC(".maps");

static __always_inline int counted(__u32 counter, int action)
{
	__u64 *count = bpf_map_lookup_elem(&counters, &counter);

	if (count)
		*count += 1;
	return action;
}

/* The TTL is the high byte of its word, so the checksum, the complement of the sum, grows by 0x0100 (RFC 1624). */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 sum = (__u32)ip->check + bpf_htons(0x0100);

	ip->check = sum + (sum >= 0xffff);
	ip->ttl--;
}

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct bpf_fib_lookup lookup = {};
	struct ethhdr *eth = data;
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > data_end || ip->ihl != 5 || ip->ttl <= 1)
			return counted(TO_HOST, XDP_PASS);
		lookup.family = AF_INET;
		lookup.tos = ip->tos;
		lookup.l4_protocol = ip->protocol;
		lookup.tot_len = bpf_ntohs(ip->tot_len);
		lookup.ipv4_src = ip->saddr;
		lookup.ipv4_dst = ip->daddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > data_end || ip6->hop_limit <= 1)
			return counted(TO_HOST, XDP_PASS);
		lookup.family = AF_INET6;
		lookup.flowinfo = *(__be32 *)ip6 & bpf_htonl(0x0fffffff);
		lookup.l4_protocol = ip6->nexthdr;
		lookup.tot_len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
		__builtin_memcpy(lookup.ipv6_src, &ip6->saddr, sizeof(ip6->saddr));
		__builtin_memcpy(lookup.ipv6_dst, &ip6->daddr, sizeof(ip6->daddr));
	} else {
		return counted(TO_HOST, XDP_PASS);
	}
	lookup.ifindex = ctx->ingress_ifindex;

	switch (bpf_fib_lookup(ctx, &lookup, sizeof(lookup), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		break;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return counted(DROPPED, XDP_DROP);
	default: /* for this host, no neighbour yet, too long, no forwarding here */
		return counted(TO_HOST, XDP_PASS);
	}
	if (!bpf_map_lookup_elem(&ports, &lookup.ifindex))
		return counted(TO_HOST, XDP_PASS);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		decrement_ttl(ip);
	else
		ip6->hop_limit--;
	__builtin_memcpy(eth->h_dest, lookup.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, lookup.smac, ETH_ALEN);
	return counted(FORWARDED, bpf_redirect_map(&ports, lookup.ifindex, 0));
}

char _license[] SEC("license") = "Dual BSD/GPL";
