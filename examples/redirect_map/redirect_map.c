/* SPDX-License-Identifier: BSD-2-Clause */
/* A patch panel: what comes in on an interface goes out of the one that the host has put it together with. */
#include "../include/parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 64);
} patches SEC(".maps"); /* by ingress_ifindex */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 64);
} received SEC(".maps");

SEC("xdp")
int redirect_map(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 port = ctx->ingress_ifindex;
	struct ethhdr *eth = data;
	__u64 *count;

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	count = bpf_map_lookup_elem(&received, &port);
	if (count)
		*count += 1;
	/* Reserved addresses (IEEE 802.1D) are not forwarded: the host speaks with its neighbour itself. */
	if (eth->h_dest[0] == 0x01 && eth->h_dest[1] == 0x80 && eth->h_dest[2] == 0xc2)
		return XDP_PASS;
	return bpf_redirect_map(&patches, port, XDP_DROP);
}

char _license[] SEC("license") = "BSD";
