"""Helpers, loops and far bytes of frames in programs in C: hardware, interpreter and Linux agree, back to back."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import agree
from c_programs import design_of, needs_clang, needs_headers, random_frames
from hardpath.sim.session import Session
from hardpath.sim.toolchain import has_compiler

pytestmark = [
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

BYTES = """
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    unsigned char buffer[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    __u32 from = b[0] & 63, to = b[1] & 63, length = (b[2] & 7) + 1;
    __u64 whole = bpf_xdp_get_buff_len(ctx);
    if (bpf_xdp_load_bytes(ctx, from, buffer, length))
        return XDP_ABORTED;
    buffer[0] += whole;
    if (bpf_xdp_store_bytes(ctx, to, buffer, 5))
        return XDP_PASS;
    b[3] = buffer[7];
    return XDP_TX;
}
"""

CLOCK = """
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    *(__u32 *)b = bpf_ktime_get_boot_ns();
    *(__u32 *)(b + 4) = bpf_ktime_get_coarse_ns() >> 32;
    *(__u64 *)(b + 8) = bpf_jiffies64();
    return XDP_TX;
}
"""

ITERATORS = """
#ifndef bpf_for /* libbpf before 1.2 */
struct numbers { __u64 opaque; };
extern int bpf_iter_num_new(struct numbers *, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct numbers *) __ksym;
extern void bpf_iter_num_destroy(struct numbers *) __ksym;
#define bpf_iter_num numbers
#endif
MAP(total, ARRAY, __u32, __u64, 4);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    struct bpf_iter_num outer, inner;
    unsigned char copy[16];
    __u32 sum = 0;
    int *i, *j;
    __builtin_memcpy(copy, b, 16);
    bpf_iter_num_new(&outer, b[0] & 3, b[1] & 7);
    while ((i = bpf_iter_num_next(&outer))) {
        __u32 key = *i & 3, found = 0;
        bpf_iter_num_new(&inner, 0, 4);
        while ((j = bpf_iter_num_next(&inner))) {
            if (copy[(*i + *j) & 15] & 1)
                break;
            found += *j + 1;
        }
        bpf_iter_num_destroy(&inner);
        __u64 *count = bpf_map_lookup_elem(&total, &key);
        if (count)
            *count += found;
        sum = sum * 16 + found;
    }
    bpf_iter_num_destroy(&outer);
    *(__u32 *)(b + 16) = sum;
    return sum & 16 ? XDP_TX : XDP_PASS;
}
"""

LOOP = """
struct walk { unsigned char bytes[16]; __u32 sum, most; };
MAP(total, ARRAY, __u32, __u64, 4);
static long step(__u32 index, struct walk *walk)
{
    __u32 key = index & 3;
    __u64 *count = bpf_map_lookup_elem(&total, &key);
    unsigned char byte = walk->bytes[index & 15];
    if (count)
        *count += byte;
    walk->sum = walk->sum * 3 + byte;
    return index >= walk->most;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    struct walk walk = { .most = b[1] & 15 };
    __builtin_memcpy(walk.bytes, b, 16);
    b[2] = bpf_loop(b[0] & 7, step, &walk, 0) + 16 * bpf_loop(3, step, &walk, 0);
    *(__u32 *)(b + 4) = walk.sum;
    return walk.sum & 16 ? XDP_TX : XDP_PASS;
}
"""

EACH = """
struct rule { __u32 port, hits; __u64 last; };
struct sum { __u32 port; __u64 all; };
MAP(rules, ARRAY, __u32, struct rule, 5);
MAP(total, PERCPU_ARRAY, __u32, __u64, 3);
MAP(seen, HASH, __u32, __u64, 16);
static long match(void *map, __u32 *key, struct rule *rule, struct sum *sum)
{
    sum->all += rule->hits + *key;
    if (rule->port != sum->port && *key != (sum->port & 12))
        return 0;
    rule->port = sum->port;
    rule->hits++;
    rule->last = *(unsigned char *)key + 256;
    return 1;
}
static long add(void *map, __u32 *key, __u64 *value, struct sum *sum)
{
    *value += sum->port + *key;
    bpf_map_update_elem(&seen, key, value, BPF_ANY);
    return 0;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    struct sum sum = { .port = b[0] & 15 };
    b[4] = bpf_for_each_map_elem(&rules, match, &sum, 0) + 16 * bpf_for_each_map_elem(&total, add, &sum, 0);
    b[5] = bpf_for_each_map_elem(&rules, match, &sum, 1);
    *(__u64 *)(b + 8) = sum.all;
    return sum.all & 8 ? XDP_TX : XDP_PASS;
}
"""

FAR = """
MAP(seen, HASH, __u32, __u64, 64);
MAP(total, ARRAY, __u32, __u64, 4);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    b[3] ^= 0x5a;
    unsigned char *place = b + ((b[1] << 8 | b[2]) & 1023);
    if (place + 10 > (unsigned char *)end)
        return XDP_DROP;
    __u32 key = place[1] & 31, index = place[0] & 3;
    __u64 one = 1, *count = bpf_map_lookup_elem(&seen, &key), *sum = bpf_map_lookup_elem(&total, &index);
    if (sum)
        *sum += *(__u64 *)(place + 2);
    if (!count) {
        bpf_map_update_elem(&seen, &key, &one, BPF_NOEXIST);
        return XDP_PASS;
    }
    *count += 1;
    *(__u64 *)(b + 8) = *(__u64 *)(place + 2) + *count;
    return XDP_TX;
}
"""

STRINGS = """
const char method[] = "GET /";
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    char text[8];
    __builtin_memcpy(text, b + 4, 8);
    if (b[0] & 1)
        __builtin_memcpy(text, "GET /x", 6);
    if (b[0] & 2)
        text[2] = b[2] & 4 ? 0 : b[3];
    if (b[1] & 1)
        text[5] = 0;
    b[12] = bpf_strncmp(text, 8, method);
    b[13] = bpf_strncmp(text, 3, method);
    b[14] = bpf_strncmp(text, (b[2] & 7) + 1, method);
    b[15] = bpf_strncmp(text + 4, 4, method + 4);
    return b[12] ? b[12] == 1 ? XDP_TX : XDP_PASS : XDP_DROP;
}
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BYTES, id="bytes"),
        pytest.param(CLOCK, id="clock"),
        pytest.param(ITERATORS, id="iterators"),
        pytest.param(LOOP, id="loop"),
        pytest.param(EACH, id="each"),
        pytest.param(FAR, id="far"),
        pytest.param(STRINGS, id="strings"),
    ],
)
def test_hardware_interpreter_and_linux_agree(body: str, tmp_path: Path) -> None:
    hardware = agree(Session(design_of(body, tmp_path)), random_frames(600))
    assert len({result.verdict for result in hardware.results}) > 1
