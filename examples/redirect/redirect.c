/* SPDX-License-Identifier: BSD-2-Clause */
/* Send every frame out of another interface, counting them: xdp_redirect of the Linux samples. */
#include "../include/parse.h"

volatile const __u32 to = 2; /* ifindex */

__u64 frames; /* in .bss */

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u8 address[ETH_ALEN];

	if ((void *)(eth + 1) > data_end)
		return XDP_ABORTED; /* only for the verifier */
	__sync_fetch_and_add(&frames, 1);
	__builtin_memcpy(address, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, address, ETH_ALEN);
	return bpf_redirect(to, 0);
}

char _license[] SEC("license") = "BSD";
