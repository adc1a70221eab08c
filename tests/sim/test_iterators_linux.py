"""Iterators (bpf_for, bpf_repeat): interpreter and graph against Linux, bounds constant or from the frame."""

import random
from pathlib import Path

import pytest
from agreement import trio
from c_programs import compiled, needs_clang
from hardpath.codegen.elf import select
from hardpath.codegen.flow import maps_of
from hardpath.codegen.graph import build
from hardpath.codegen.passes import run_passes
from hardpath.codegen.verify import verify
from hardpath.hdl.target import Target
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
    needs_clang,
]

SOURCE = r"""
#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
struct { int (*type)[BPF_MAP_TYPE_ARRAY]; __u32 *key; __u64 *value; int (*max_entries)[8]; } counts SEC(".maps");
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

/* libbpf's headers have these since 1.2 */
struct numbers { __u64 opaque; };
extern int bpf_iter_num_new(struct numbers *, int start, int end) __attribute__((section(".ksyms"), weak));
extern int *bpf_iter_num_next(struct numbers *) __attribute__((section(".ksyms"), weak));
extern void bpf_iter_num_destroy(struct numbers *) __attribute__((section(".ksyms"), weak));
#define count(i, start, end) \
    for (struct numbers it __attribute__((cleanup(bpf_iter_num_destroy))), \
         *at = (bpf_iter_num_new(&it, start, end), &it); at; at = 0) \
        for (int *number; (number = bpf_iter_num_next(&it)) && (i = *number, 1);)

static __attribute__((noinline)) int step(struct numbers *it)
{
    int *number = bpf_iter_num_next(it);
    return number ? *number : -1;
}
static __attribute__((always_inline)) inline __u8 byte(struct xdp_md *ctx, __u32 index)
{
    __u8 *at = (void *)(long)ctx->data;
    at += index;
    return (void *)(at + 1) > (void *)(long)ctx->data_end ? 0 : *at;
}
SEC("xdp") int test(struct xdp_md *ctx)
{
    __u8 *in = (void *)(long)ctx->data;
    __u32 *out = (void *)(long)ctx->data + 16;
    if ((void *)(out + 4) > (void *)(long)ctx->data_end)
        return XDP_PASS;
    __u32 sum = 0;
    int i, j;
    %s
    out[0] = sum;
    return XDP_PASS;
}
char gpl[] SEC("license") = "GPL";
"""
BODIES = {
    "constant": "count(i, -3, 9) sum = sum * 31 + i;",
    "until": "count(i, 0, 10) { sum += in[0]; if (sum > 1000) break; }",
    "end": "count(i, 2, in[0] & 15) sum = sum * 31 + i;",
    "start": "count(i, (signed char)in[0] >> 2, 20) sum = sum * 31 + i;",
    "both": "count(i, in[0] & 7, in[1] & 15) { if (i == in[2]) break; sum += byte(ctx, i & 15); }",
    "nested": "count(i, 0, in[0] & 3) count(j, i, in[1] & 7) { if (j == in[2]) continue; sum = sum * 7 + i * j; }",
    "map": """count(i, 0, in[0] & 7) {
        __u32 key = byte(ctx, i & 15) & 7;
        __u64 *count = bpf_map_lookup_elem(&counts, &key);
        if (count) sum += (*count)++;
    }""",
    "errors": """struct numbers it;
        out[1] = bpf_iter_num_new(&it, in[0], in[1] ? in[1] << 17 : 3);
        int *number = bpf_iter_num_next(&it);
        out[2] = number ? *number + 1 : 0;
        bpf_iter_num_destroy(&it);""",
    "extremes": """struct numbers it;
        out[1] = bpf_iter_num_new(&it, in[0] & 1 ? -0x7fffffff - 1 : 0x7ffffffe,
                                  in[0] & 2 ? 0x7fffffff : -0x7fffffff + 5);
        for (j = 0; j < 3; j++) {
            int *number = bpf_iter_num_next(&it);
            sum = sum * 31 + (number ? *number : 77);
        }
        bpf_iter_num_destroy(&it);""",
    "function": """struct numbers it;
        bpf_iter_num_new(&it, in[0] & 3, in[1] & 7);
        for (j = 0; j < 4; j++)
            sum = sum * 31 + step(&it);
        bpf_iter_num_destroy(&it);""",
    "old": """struct numbers it;
        bpf_iter_num_new(&it, 0, in[0] & 3);
        int *first = bpf_iter_num_next(&it);
        if (first) {
            bpf_iter_num_next(&it);
            sum = 5 + *(volatile int *)first;
        }
        bpf_iter_num_destroy(&it);""",
}


@pytest.mark.parametrize("name", BODIES)
def test_iterators_are_those_of_linux(name: str, tmp_path: Path) -> None:
    specification = compiled(SOURCE % BODIES[name], tmp_path, "-mcpu=v3")
    program = select(specification)
    maps = maps_of(program, specification.maps)
    graph = run_passes(build(verify(program, maps)), Target())
    rng = random.Random(7)
    results = set()
    with trio(program, maps, graph) as three:
        assert three.graph.models.keys() == maps.keys()
        for _ in range(300):
            frame = bytes(rng.choice((0, 1, 2, 3, 5, 8, 64, 255, rng.randrange(256))) for _ in range(4))
            frame += rng.randbytes(rng.choice((20, 28, 28, 60)))
            results.add(three.run(frame).frame[16:28])
    assert len(results) > 1
