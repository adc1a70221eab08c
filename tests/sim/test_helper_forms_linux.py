"""Helpers called in all the forms that C programs have: interpreter and graph against the running kernel."""

from __future__ import annotations

import random

import pytest
from c_programs import LICENSE, compiled, needs_clang, needs_headers
from hardpath.codegen.elf import select
from hardpath.codegen.flow import compile_program
from hardpath.codegen.spec import ObjectSpec
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Input, compare
from hardpath.sim.linux import available
from hardpath.sim.session import Session

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
    needs_clang,
    needs_headers,
]

SOURCE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define MAP(name, kind, keys, values, entries) struct { __uint(type, BPF_MAP_TYPE_##kind); \\
    __type(key, keys); __type(value, values); __uint(max_entries, entries); } name SEC(".maps")
#define START unsigned char *b = (void *)(long)ctx->data; \\
    if (b + 40 > (unsigned char *)(long)ctx->data_end) return XDP_DROP
struct words { __u32 word[8]; };
MAP(kept, ARRAY, __u32, struct words, 2);
MAP(flows, PERCPU_HASH, __u32, __u64, 16);
MAP(recent, LRU_PERCPU_HASH, __u32, __u64, 256);
MAP(pairs, HASH, __u64, __u32, 8);
const char method[] = "GET /";

SEC("xdp") int checksum_of_nothing(struct xdp_md *ctx)
{
    START;
    __u32 seed = *(__u32 *)(b + 4), words[4];
    __builtin_memcpy(words, b + 8, 16);
    __u64 sum = bpf_csum_diff(0, 0, 0, 0, seed);
    if (b[0] & 1)
        sum = bpf_csum_diff(0, 0, words, 16, seed);
    else if (b[0] & 2)
        sum = bpf_csum_diff(words, 16, 0, 0, seed);
    *(__u64 *)(b + 24) = sum;
    return b[0] & 4 ? XDP_TX : XDP_PASS;
}

SEC("xdp") int checksum_of_any_size(struct xdp_md *ctx)
{
    START;
    __u32 old[4], new[4];
    __builtin_memcpy(old, b + 8, 16);
    __builtin_memcpy(new, b + 24, 16);
    *(__u64 *)(b + 8) = bpf_csum_diff(old, b[0] & 15, new, b[1] & 15, *(__u32 *)(b + 4));
    *(__u64 *)(b + 16) = bpf_csum_diff(old, b[0] & 12, new, 16, ~*(__u32 *)(b + 4));
    return b[2] & 1 ? XDP_TX : XDP_PASS;
}

SEC("xdp") int checksum_in_place(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & 3;
    struct words *words = bpf_map_lookup_elem(&kept, &key);
    __u64 sum = bpf_csum_diff((void *)(b + 4), 8, (void *)(b + 16), 20, 0);
    if (!words)
        return XDP_DROP;
    sum = bpf_csum_diff(words->word, 32, (void *)(b + 8), 32, sum);
    words->word[b[1] & 7] = sum;
    *(__u16 *)(b + 2) = ~sum;
    return XDP_TX;
}

SEC("xdp") int values_of_a_cpu(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & 7, none = 1000;
    __u64 one = b[1], *count = bpf_map_lookup_percpu_elem(&flows, &key, b[2] & 1 ? none : 0);
    if (!count)
        b[3] = bpf_map_update_elem(&flows, &key, &one, b[4] & 3);
    else
        *(__u64 *)(b + 8) = ++*count;
    count = bpf_map_lookup_percpu_elem(&recent, &key, bpf_get_smp_processor_id());
    if (count)
        *(__u64 *)(b + 16) = *count += b[5];
    else if (b[2] & 2)
        b[6] = bpf_map_update_elem(&recent, &key, &one, BPF_ANY);
    return count ? XDP_TX : XDP_PASS;
}

struct sum { __u32 all, most; };
static long add(__u32 index, struct sum *sum)
{
    sum->all += index + 1;
    return sum->all > sum->most;
}
SEC("xdp") int loops_of_all_kinds(struct xdp_md *ctx)
{
    START;
    struct sum sum = { .most = b[0] & 31 };
    b[3] = bpf_loop(b[1] & 7, add, &sum, 0);
    b[4] = bpf_loop(0, add, &sum, 0);
    b[5] = bpf_loop(2, add, &sum, 1);
    b[6] = bpf_loop((1 << 23) + 1, add, &sum, 0);
    *(__u32 *)(b + 8) = sum.all;
    return sum.all & 1 ? XDP_TX : XDP_PASS;
}

SEC("xdp") int bytes_by_way_of_a_map(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & 1;
    __u32 from = b[1] & 31, to = b[2] & 31;
    struct words *words = bpf_map_lookup_elem(&kept, &key);
    if (!words)
        return XDP_DROP;
    if (bpf_xdp_load_bytes(ctx, from, words, 8))
        return XDP_ABORTED;
    words->word[1] += bpf_xdp_get_buff_len(ctx);
    if (bpf_xdp_store_bytes(ctx, to, &words->word[1], 4))
        return XDP_PASS;
    return XDP_TX;
}

SEC("xdp") int strings_of_a_map(struct xdp_md *ctx)
{
    START;
    __u32 key = 0;
    struct words *words = bpf_map_lookup_elem(&kept, &key);
    if (!words)
        return XDP_DROP;
    b[3] = bpf_strncmp((char *)words, 8, method);
    b[4] = bpf_strncmp((char *)words, (b[1] & 7) + 1, method);
    if (b[0] & 1)
        __builtin_memcpy(b + 8, "GET /", 5);
    if (b[0] & 2)
        b[10] = b[1] & 1 ? 0 : b[2];
    __builtin_memcpy(words, b + 8, 8);
    if (b[0] & 4)
        words->word[1] = 0x0000002f;
    return b[3] ? XDP_PASS : XDP_TX;
}

SEC("xdp") int keys_in_the_frame(struct xdp_md *ctx)
{
    START;
    b[8] &= 3;
    __builtin_memset(b + 9, 0, 7);
    __u32 *found = bpf_map_lookup_elem(&pairs, b + 8);
    if (found)
        *(__u32 *)(b + 20) = ++*found;
    b[4] = bpf_map_update_elem(&pairs, b + 8, b + 16, b[0] & 7);
    if (b[1] & 1)
        b[5] = bpf_map_delete_elem(&pairs, b + 8);
    return found ? XDP_TX : XDP_PASS;
}
"""
PROGRAMS = (
    "checksum_of_nothing",
    "checksum_of_any_size",
    "checksum_in_place",
    "values_of_a_cpu",
    "loops_of_all_kinds",
    "bytes_by_way_of_a_map",
    "strings_of_a_map",
    "keys_in_the_frame",
)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> ObjectSpec:
    return compiled(SOURCE + LICENSE, tmp_path_factory.mktemp("forms"))


def frames(name: str) -> list[Frame]:
    """Words of all ones and zeros, too, for the two forms of zero that checksums have."""
    rng = random.Random(name)
    some = [bytes(4), b"\xff" * 4, b"\xff\xff\0\0"]
    words = [b"".join(rng.choice((*some, rng.randbytes(4), rng.randbytes(4))) for _ in range(9)) for _ in range(300)]
    return [Frame((rng.randbytes(4) + each)[: rng.choice((40, 40, 40, 40, 39))]) for each in words]


@pytest.mark.parametrize("name", PROGRAMS)
def test_interpreter_and_graph_do_what_linux_does(name: str, forms: ObjectSpec) -> None:
    session, sent = Session(compile_program(forms, select(forms, name))), frames(name)
    assert session.without_linux(sent) is None
    oracle = session.linux(sent)
    source = Input(session.design.program, session.maps, [frame.data for frame in sent], {})
    for found in (session.interpreter(sent), session.graph(sent)):
        difference = compare(found, oracle, source)
        assert difference is None, str(difference)
    assert len({result.out for result in oracle.results}) > 100
