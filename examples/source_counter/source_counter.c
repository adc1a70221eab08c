/* SPDX-License-Identifier: BSD-2-Clause */
/* Count frames and bytes for each IPv4 source address; a new address gets its entry from the data path. */
#include "../include/parse.h"

struct traffic {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __be32);
	__type(value, struct traffic);
	__uint(max_entries, 512);
} sources SEC(".maps");

__u64 overflows; /* frames whose address found no room */

SEC("xdp")
int source_counter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	void *next = data;
	struct iphdr *ip;
	struct traffic *traffic;
	__be32 source;

	if (parse_ethernet(data, data_end, &next) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = next;
	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	source = ip->saddr;
	traffic = bpf_map_lookup_elem(&sources, &source);
	if (traffic) {
		traffic->frames += 1;
		traffic->bytes += data_end - data;
	} else {
		struct traffic first = { 1, data_end - data };

		if (bpf_map_update_elem(&sources, &source, &first, BPF_NOEXIST))
			overflows += 1;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
