/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames and odd ones counted for each receive queue, and what is to become of them, as the host says while it runs: to see
 * how a network card spreads its load, and what it can take. */
#include "../include/parse.h"

#define QUEUES 64

struct config {
	__u32 verdict;
	__u32 touch; /* swap the MAC addresses and read the payload, as programs do that have real work */
};

struct counts {
	__u64 frames;
	__u64 bytes;
	__u64 odd; /* of another interface */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct config);
	__uint(max_entries, 1);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, QUEUES);
} queues SEC(".maps");

volatile const __u32 interface = 1;

static __always_inline void swap_addresses(struct ethhdr *eth)
{
	__u8 address[ETH_ALEN];

	__builtin_memcpy(address, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, address, ETH_ALEN);
}

SEC("xdp")
int rxq_info(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 zero = 0, queue = ctx->rx_queue_index;
	struct config *wanted;
	struct counts *counts;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end)
		return XDP_ABORTED;
	counts = bpf_map_lookup_elem(&queues, &queue);
	wanted = bpf_map_lookup_elem(&config, &zero);
	if (!counts || !wanted)
		return XDP_ABORTED;
	counts->frames += 1;
	counts->bytes += data_end - data;
	counts->odd += ctx->ingress_ifindex != interface;
	if (wanted->touch) {
		swap_addresses(eth);
		/* A length and no type: not a frame that anything here understands. */
		if (bpf_ntohs(eth->h_proto) < ETH_P_802_3_MIN)
			return XDP_ABORTED;
	}
	return wanted->verdict;
}

char _license[] SEC("license") = "BSD";
