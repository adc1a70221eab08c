/* SPDX-License-Identifier: BSD-2-Clause */
/* Answer IPv4 frames over a size with ICMP "fragmentation needed" (RFC 792, RFC 1191): adjust_tail of the samples. */
#include "../include/parse.h"

#define QUOTED 8 /* bytes of the datagram that the message quotes behind its IP header */
#define ADDED ((int)(sizeof(struct iphdr) + sizeof(struct icmp_header)))
#define KEPT ((int)(sizeof(struct ethhdr) + sizeof(struct iphdr) + QUOTED))

volatile const __u16 max_size = 600;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} answers SEC(".maps");

static __always_inline __u16 fold(__s64 sum)
{
	__u32 low = sum;

	low = (low & 0xffff) + (low >> 16);
	return ~((low & 0xffff) + (low >> 16));
}

static __always_inline int answer(struct xdp_md *ctx)
{
	void *data, *data_end;
	struct ethhdr *eth, old;
	struct iphdr *ip, *quoted;
	struct icmp_header *icmp;
	__u32 key = 0;
	__u64 *count;

	if (bpf_xdp_adjust_head(ctx, -ADDED))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + ADDED + KEPT > data_end)
		return XDP_DROP;
	old = *(struct ethhdr *)(data + ADDED);
	eth = data;
	ip = data + sizeof(*eth);
	icmp = (void *)(ip + 1);
	quoted = (void *)(icmp + 1);
	__builtin_memcpy(eth->h_dest, old.h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, old.h_dest, ETH_ALEN);
	eth->h_proto = old.h_proto;

	__builtin_memset(icmp, 0, sizeof(*icmp));
	icmp->type = ICMP_DEST_UNREACH;
	icmp->code = ICMP_FRAG_NEEDED;
	icmp->mtu = bpf_htons(max_size - sizeof(*eth));
	icmp->checksum = fold(bpf_csum_diff(0, 0, (void *)icmp, KEPT - sizeof(*eth) + sizeof(*icmp), 0));

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_ICMP;
	ip->tot_len = bpf_htons(ADDED + KEPT - sizeof(*eth));
	ip->saddr = quoted->daddr;
	ip->daddr = quoted->saddr;
	ip->check = fold(bpf_csum_diff(0, 0, (void *)ip, sizeof(*ip), 0));

	count = bpf_map_lookup_elem(&answers, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	return XDP_TX;
}

SEC("xdp")
int icmp_too_big(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	int size = data_end - data;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (size <= max_size)
		return XDP_PASS;
	if (bpf_xdp_adjust_tail(ctx, KEPT - size))
		return XDP_PASS;
	return answer(ctx);
}

char _license[] SEC("license") = "BSD";
