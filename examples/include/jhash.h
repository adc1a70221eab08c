/* SPDX-License-Identifier: BSD-2-Clause */
/* Bob Jenkins's hash of three words (lookup3's final mix), http://burtleburtle.net/bob/c/lookup3.c */
#pragma once
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

static __always_inline __u32 rotate(__u32 word, int bits)
{
	return word << bits | word >> (32 - bits);
}

static __always_inline __u32 hash_words(__u32 a, __u32 b, __u32 c, __u32 seed)
{
	seed += 0xdeadbeef + (3 << 2);
	a += seed;
	b += seed;
	c += seed;
	c = (c ^ b) - rotate(b, 14);
	a = (a ^ c) - rotate(c, 11);
	b = (b ^ a) - rotate(a, 25);
	c = (c ^ b) - rotate(b, 16);
	a = (a ^ c) - rotate(c, 4);
	b = (b ^ a) - rotate(a, 14);
	return (c ^ b) - rotate(b, 24);
}
