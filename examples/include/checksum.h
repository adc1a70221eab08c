/* SPDX-License-Identifier: BSD-2-Clause */
/* Internet checksums (RFC 1071), whole and incremental (RFC 1624). */
#pragma once
#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* RFC 1624 equation 3 for one 32-bit word. */
static __always_inline __u16 replace32(__u16 check, __be32 from, __be32 to)
{
	__u32 sum = (__u16)~check;

	sum += (__u16)~from + (__u16)(~from >> 16);
	sum += (__u16)to + (__u16)(to >> 16);
	return fold(sum);
}

static __always_inline __u16 replace16(__u16 check, __be16 from, __be16 to)
{
	return fold((__u32)(__u16)~check + (__u16)~from + to);
}

/* Sum of size bytes (a constant, even) for fold. */
static __always_inline __u32 sum16(const void *data, int size)
{
	const __u16 *words = data;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < size / 2; i++)
		sum += words[i];
	return sum;
}

/* Of an IPv4 header without options whose checksum field is 0. */
static __always_inline __u16 ipv4_checksum(const struct iphdr *ip)
{
	return fold(sum16(ip, sizeof(*ip)));
}
