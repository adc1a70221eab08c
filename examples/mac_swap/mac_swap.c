/* SPDX-License-Identifier: BSD-2-Clause */
/* Send every frame back to where it came from. */
#include "../include/parse.h"

SEC("xdp")
int mac_swap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u8 address[ETH_ALEN];

	if (data + sizeof(*eth) > data_end)
		return XDP_ABORTED;
	__builtin_memcpy(address, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, address, ETH_ALEN);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
