/* Instructions that only -mcpu=v4 has: signed division, sign-extending moves and loads, byte swaps. */
#include "common.h"

struct frame {
	signed char byte;
	short half;
	__s32 word;
	__u64 wide;
};

SEC("xdp") int signs(struct xdp_md *ctx)
{
	volatile struct frame *frame = (void *)(unsigned long)ctx;
	long sum = frame->byte + frame->half;

	sum += (long)(__s32)frame->wide / (frame->word | 1);
	sum += sum % 7;
	sum += (signed char)(sum * 3);
	frame->wide = __builtin_bswap64(sum);
	frame->half = __builtin_bswap16(sum);
	frame->word = 5;
	return sum;
}

char _license[] SEC("license") = "GPL";
