/* SPDX-License-Identifier: BSD-2-Clause */
/* A token bucket for each source address. What a source sends above its rate, when its burst is used up, is dropped; so is
 * what comes from new sources when there is no room for them (the host takes out those that have been quiet).
 *
 * A bucket is kept as the time at which it is full again: sending moves that further into the future, and the bucket is
 * empty when it is a whole burst away. So there is neither a division nor a clock tick to keep up with.
 */
#include "../include/parse.h"

struct bucket {
	struct bpf_spin_lock lock;
	__u32 over; /* frames above the rate */
	__u64 full_at; /* ns */
	__u64 bytes; /* within the rate */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __be32);
	__type(value, struct bucket);
	__uint(max_entries, 1024);
} buckets SEC(".maps");

volatile const __u32 ns_per_byte = 80; /* 100 Mbit/s */
volatile const __u64 burst_ns = 160000; /* 2,000 bytes */

/* Whether a frame is within the rate. All that does not need the bucket is worked out before it is locked: what is left
 * takes hardware one step, so that frames of one source can follow each other in every cycle. */
static __always_inline _Bool take(struct bucket *bucket, __u32 bytes, __u64 now)
{
	__u64 cost = (__u64)bytes * ns_per_byte;
	__u64 from_full = now + cost, latest = now + burst_ns - cost;
	_Bool within = 0;

	barrier_var(from_full); /* else clang adds the cost behind the comparison */
	if (cost > burst_ns)
		return 0;
	bpf_spin_lock(&bucket->lock);
	if (bucket->full_at <= latest) {
		bucket->full_at = bucket->full_at < now ? from_full : bucket->full_at + cost;
		bucket->bytes += bytes;
		within = 1;
	} else {
		bucket->over += 1;
	}
	bpf_spin_unlock(&bucket->lock);
	return within;
}

SEC("xdp")
int rate_limiter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns();
	struct bucket *bucket;
	struct iphdr *ip;
	__be32 source;

	if (parse_ethernet(data, data_end, (void **)&ip) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if ((void *)(ip + 1) > data_end)
		return XDP_DROP;
	source = ip->saddr;
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket full = {};

		bpf_map_update_elem(&buckets, &source, &full, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&buckets, &source);
		if (!bucket)
			return XDP_DROP;
	}
	return take(bucket, data_end - data, now) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "BSD";
