/* CO-RE relocations of members that the object declares with another size or kind than the kernel has. */
#include "common.h"

#define RELOCATED __attribute__((preserve_access_index))
#define field(x, kind) __builtin_preserve_field_info(x, kind)

/* As a program for user space has it, with places for pointers. The kernel has 32 bits. */
struct xdp_md___wide {
	__u64 data;
	__u64 data_end;
	__u32 data_meta;
} RELOCATED;

/* Wider and narrower than the kernel's, whose sizes are 8, 16, 8 and 32 bits. */
struct iphdr___sizes {
	__u32 tos;
	__u8 tot_len;
	__u64 ttl;
	__u64 saddr;
} RELOCATED;

/* The kernel has six bytes, and flow_lbl is three. */
struct ethhdr___arrays {
	__u16 h_dest[6];
	__u32 h_source[8];
} RELOCATED;

struct in6_addr___words {
	union {
		__u64 u6_addr32[4];
	} in6_u;
} RELOCATED;

/* Kinds that the kernel's do not have. */
struct udphdr___signed {
	int len;
	short check;
	void *dest;
} RELOCATED;

SEC("xdp") int adjusted(struct xdp_md___wide *ctx)
{
	struct iphdr___sizes *ip = (void *)(unsigned long)ctx->data;
	struct ethhdr___arrays *eth = (void *)ip;
	struct in6_addr___words *address = (void *)ip;

	if ((void *)ip + 40 > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	ip->ttl = 7;
	ip->saddr += ip->tot_len;
	eth->h_dest[1] = ip->tos;
	address->in6_u.u6_addr32[2] = eth->h_dest[2];
	return ip->saddr + ip->ttl + address->in6_u.u6_addr32[3];
}

/* A signed member of the kernel's size is one, of another size it is not; nor is a pointer a number. */
SEC("xdp") int guarded(struct xdp_md___wide *ctx)
{
	struct udphdr___signed *udp = (void *)(unsigned long)ctx->data;
	int sum = 0;

	if ((void *)udp + 8 > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	if (field(udp->len, 2)) /* it exists */
		sum += 1;
	if (field(udp->dest, 2)) /* it does not */
		sum += (long)udp->dest;
	return sum + (udp->check != 0);
}

char _license[] SEC("license") = "GPL";
