/* CO-RE relocations: answers that no kernel can change, and one that only a kernel knows. */
#include "common.h"

#define RELOCATED __attribute__((preserve_access_index))
#define field(x, kind) __builtin_preserve_field_info(x, kind)

/* A part of the header, in another order: the real offsets are 8, 9 and 16. */
struct iphdr___part {
	__u32 daddr;
	__u8 protocol, ttl;
	__u8 version : 4;
} RELOCATED;

struct xdp_md___short {
	__u32 data_end, data;
} RELOCATED;

enum xdp_action { ZERO, ONE, LAST = 4 };

struct task_struct {
	int pid;
} RELOCATED;

SEC("xdp") int fixed(struct xdp_md___short *ctx)
{
	struct iphdr___part *ip = (void *)(unsigned long)ctx->data;
	__u64 sum;

	if ((void *)ip + 20 > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	sum = ip->ttl;
	sum += (__u64)field(ip->protocol, 0) << 8;
	sum += (__u64)field(ip->version, 0) << 12;
	sum += (__u64)field(ip->version, 1) << 16;
	sum += (__u64)field(ip->daddr, 2) << 20;
	sum += (__u64)field(ip->version, 4) << 24;
	return sum + field(ip->version, 5) + field(ip->daddr, 3);
}

SEC("xdp") int values(struct xdp_md *ctx)
{
	return __builtin_btf_type_id(*(struct iphdr___part *)0, 0);
}

SEC("xdp") int kernel(struct xdp_md *ctx)
{
	struct task_struct *task = (void *)ctx;

	return task->pid;
}

char _license[] SEC("license") = "GPL";
