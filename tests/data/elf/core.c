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

enum xdp_action { XDP_ABORTED___here, XDP_REDIRECT___here = 4 };

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

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__u16 u6_addr16[8];
		__u32 u6_addr32[4];
	} in6_u;
} RELOCATED;

struct bpf_fib_lookup___part {
	__u8 family;
	union {
		struct {
			__u16 h_vlan_proto, h_vlan_TCI;
		};
	};
} RELOCATED;

#define enum_value(type, name, kind) __builtin_preserve_enum_value(*(typeof(enum type) *)name, kind)
#define type_info(type, kind) __builtin_preserve_type_info(*(typeof(type) *)0, kind)

SEC("xdp") int local(struct xdp_md *ctx)
{
	__u64 sum = enum_value(xdp_action, XDP_REDIRECT___here, 1); /* 4 */

	sum += enum_value(xdp_action, XDP_REDIRECT___here, 0) << 4; /* it exists */
	sum += (__u64)type_info(struct iphdr___part, 0) << 5; /* it exists */
	sum += (__u64)type_info(struct iphdr___part, 1) << 8; /* 20 bytes */
	sum += (__u64)field(((struct in6_addr *)0)->in6_u.u6_addr32[3], 0) << 16; /* 12 */
	sum += (__u64)field(((struct bpf_fib_lookup___part *)0)->h_vlan_TCI, 0) << 24; /* 50 */
	return sum == 4 + 0x10 + 0x20 + 0x1400 + 0xc0000 + 0x32000000;
}

SEC("xdp") int exists(struct xdp_md *ctx)
{
	return type_info(struct task_struct, 0);
}

SEC("xdp") int kernel(struct xdp_md *ctx)
{
	struct task_struct *task = (void *)ctx;

	return task->pid;
}

char _license[] SEC("license") = "GPL";
