/* What only a kernel can supply, each in a program of its own, beside one that needs none of it. */
#include "common.h"

extern int CONFIG_HZ __attribute__((section(".kconfig")));
extern const int jiffies __attribute__((section(".ksyms")));
extern int bpf_xdp_metadata_rx_hash(struct xdp_md *ctx) __attribute__((section(".ksyms"), weak));

SEC("xdp") int fine(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int config(struct xdp_md *ctx) { return CONFIG_HZ; }
SEC("xdp") int variable(struct xdp_md *ctx) { return *(volatile int *)&jiffies; }
SEC("xdp") int function(struct xdp_md *ctx) { return bpf_xdp_metadata_rx_hash(ctx); }

char _license[] SEC("license") = "GPL";
