/* SPDX-License-Identifier: BSD-2-Clause */
/* Drop TCP and UDP frames to the ports of a configuration that is fixed when the program is loaded. */
#include "../include/parse.h"

#define PORTS 4

volatile const __u16 blocked_ports[PORTS] = { 23, 135, 445, 3389 };
volatile const _Bool block_fragments = 1;

__u64 dropped; /* in .bss */

SEC("xdp")
int port_filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	void *next = data;
	struct iphdr *ip;
	struct ports *ports;
	__u16 port;

	if (parse_ethernet(data, data_end, &next) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = next;
	ports = parse_ipv4(ip, data_end);
	if (!ports)
		return XDP_ABORTED;
	if (ip->frag_off & bpf_htons(0x1fff)) {
		if (!block_fragments)
			return XDP_PASS;
		goto drop;
	}
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if ((void *)(ports + 1) > data_end)
		return XDP_ABORTED;
	port = bpf_ntohs(ports->dest);
	for (int i = 0; i < PORTS; i++)
		if (port == blocked_ports[i])
			goto drop;
	return XDP_PASS;
drop:
	__sync_fetch_and_add(&dropped, 1);
	return XDP_DROP;
}

char _license[] SEC("license") = "BSD";
