/* One program for each way to name a section. */
#include "common.h"

SEC("xdp/devmap") int egress(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp/cpumap") int remote(struct xdp_md *ctx) { return XDP_PASS; }
SEC("classifier") int filter(struct xdp_md *ctx) { return 0; }
SEC("kprobe/do_nothing") int probe(void *ctx) { return 0; }
SEC("xdp.frags") int big(struct xdp_md *ctx) { return XDP_DROP; }
SEC("xdp_old_style") int legacy(struct xdp_md *ctx) { return XDP_TX; }
SEC("2/7") int numbered(struct xdp_md *ctx) { return XDP_ABORTED; }

char _license[] SEC("license") = "Dual BSD/GPL";
