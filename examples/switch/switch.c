/* SPDX-License-Identifier: BSD-2-Clause */
/* A learning Ethernet switch (IEEE 802.1D, without spanning tree): stations are learnt from the frames that they send.
 * Frames to stations that nobody has heard of, and to groups, go out of all ports but the one they came in on. */
#include "../include/parse.h"

struct mac {
	__u8 address[ETH_ALEN];
};

/* By interface number, so that a station's port is the key. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct mac);
	__type(value, __u32);
	__uint(max_entries, 1024);
} stations SEC(".maps");

static __always_inline int is_group(const __u8 *address)
{
	return address[0] & 1;
}

/* 01:80:c2:00:00:0x is for the neighbouring switch alone. */
static __always_inline int is_reserved(const __u8 *address)
{
	return address[0] == 0x01 && address[1] == 0x80 && address[2] == 0xc2 && !address[3] && !address[4] &&
	       address[5] < 0x10;
}

SEC("xdp")
int switch_frame(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 port = ctx->ingress_ifindex;
	struct ethhdr *eth = data;
	__u32 *station;

	if ((void *)(eth + 1) > data_end || is_group(eth->h_source) || is_reserved(eth->h_dest))
		return XDP_DROP;

	station = bpf_map_lookup_elem(&stations, eth->h_source);
	if (!station || *station != port) /* new here; if the table is full, it stays unknown */
		bpf_map_update_elem(&stations, eth->h_source, &port, BPF_ANY);

	if (!is_group(eth->h_dest)) {
		station = bpf_map_lookup_elem(&stations, eth->h_dest);
		if (station)
			return *station == port ? XDP_DROP : bpf_redirect_map(&ports, *station, XDP_DROP);
	}
	return bpf_redirect_map(&ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
}

char _license[] SEC("license") = "BSD";
