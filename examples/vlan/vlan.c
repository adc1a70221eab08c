/* SPDX-License-Identifier: BSD-2-Clause */
/* Tag untagged frames with a VLAN, and untag the frames of that VLAN. */
#include "../include/parse.h"

#define TAG 4

volatile const __u16 vlan_id = 42;

SEC("xdp")
int vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct ethhdr copy;
	struct vlan_header *tag = data + sizeof(*eth);

	if (data + sizeof(*eth) > data_end)
		return XDP_ABORTED;
	copy = *eth;

	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) {
		if ((void *)(tag + 1) > data_end)
			return XDP_ABORTED;
		if ((bpf_ntohs(tag->tci) & 0x0fff) != vlan_id)
			return XDP_DROP;
		copy.h_proto = tag->protocol;
		if (bpf_xdp_adjust_head(ctx, TAG))
			return XDP_ABORTED;
		data = (void *)(long)ctx->data;
		data_end = (void *)(long)ctx->data_end;
		if (data + sizeof(*eth) > data_end)
			return XDP_ABORTED;
		*(struct ethhdr *)data = copy;
		return XDP_PASS;
	}

	if (bpf_xdp_adjust_head(ctx, -TAG))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	tag = data + sizeof(*eth);
	if ((void *)(tag + 1) > data_end)
		return XDP_ABORTED;
	eth = data;
	tag->tci = bpf_htons(vlan_id);
	tag->protocol = copy.h_proto;
	*eth = copy;
	eth->h_proto = bpf_htons(ETH_P_8021Q);
	return XDP_TX;
}

char _license[] SEC("license") = "BSD";
