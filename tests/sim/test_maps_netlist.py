"""Programs in C that use the less common maps: hardware, interpreter and Linux agree, back to back."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import agree
from c_programs import design_of, little, needs_clang, needs_headers, random_frames
from hardpath.sim.session import Session
from hardpath.sim.toolchain import has_compiler

pytestmark = [
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

SWITCH = """
MAP(by_mac, DEVMAP_HASH, __u32, struct bpf_devmap_val, 8);
MAP(by_port, DEVMAP, __u32, __u32, 4);
MAP(cpus, CPUMAP, __u32, __u32, 1);
MAP(sockets, XSKMAP, __u32, __u32, 2);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 key = *(__u32 *)(b + 4), queue = ctx->rx_queue_index;
    switch (b[0] & 7) {
    case 0: return bpf_redirect_map(&by_mac, key & 0xf, XDP_PASS);
    case 1: return bpf_redirect_map(&by_port, b[1] & 7, XDP_TX);
    case 2: return bpf_redirect_map(&cpus, b[1] & 1, b[2] & 7);
    case 3:
        if (bpf_map_lookup_elem(&sockets, &queue))
            return bpf_redirect_map(&sockets, queue, XDP_DROP);
        return XDP_PASS;
    case 4:
        key = b[1] & 7;
        __u32 *port = bpf_map_lookup_elem(&by_port, &key);
        if (!port)
            return XDP_DROP;
        *(__u32 *)(b + 8) = *port;
        return XDP_TX;
    case 5:
        bpf_redirect(99, 0);
        return bpf_redirect_map(&by_mac, b[1], b[2] & 3);
    }
    return XDP_PASS;
}
"""

PERCPU = """
MAP(flows, PERCPU_HASH, __u32, __u64, 16);
MAP(total, PERCPU_ARRAY, __u32, __u64, 2);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & 31, index = b[1] & 3;
    __u64 one = 1, *count = bpf_map_lookup_elem(&flows, &key);
    __u64 *sum = bpf_map_lookup_percpu_elem(&total, &index, b[5] & 1 ? 1000 : bpf_get_numa_node_id());
    if (sum)
        *sum += b[2];
    if (b[3] == 7) {
        bpf_map_delete_elem(&flows, &key);
        return XDP_DROP;
    }
    if (count) {
        *count += 1;
        *(__u64 *)(b + 8) = *count;
        return XDP_TX;
    }
    b[4] = bpf_map_update_elem(&flows, &key, &one, BPF_NOEXIST);
    return XDP_PASS;
}
"""

ROUTES = """
struct prefix4 { __u32 length; __u8 data[4]; };
struct prefix6 { __u32 length; __u8 data[16]; };
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct prefix4); __type(value, __u64);
    __uint(max_entries, 16); __uint(map_flags, BPF_F_NO_PREALLOC); } routes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct prefix6); __type(value, char[3]);
    __uint(max_entries, 5); __uint(map_flags, BPF_F_NO_PREALLOC); } routes6 SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    struct prefix4 key = { .length = b[0] & 128 ? 32 : b[0] & 63, .data = { 10, b[1] & 3, b[2] & 0x81, b[3] } };
    struct prefix6 key6 = { .length = 128 };
    __u64 *hits = bpf_map_lookup_elem(&routes, &key);
    if (hits) {
        *hits += 1;
        b[4] = *hits;
        return XDP_TX;
    }
    __builtin_memcpy(key6.data, b + 4, 16);
    key6.data[0] &= 3;
    char *hop = bpf_map_lookup_elem(&routes6, &key6);
    if (!hop)
        return XDP_DROP;
    b[5] = hop[2]++;
    return XDP_PASS;
}
"""

LONG_ROUTES = """
struct name { __u32 length; __u8 text[36]; };
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct name); __type(value, __u64);
    __uint(max_entries, 6); __uint(map_flags, BPF_F_NO_PREALLOC); } names SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    struct name name = { .length = b[0] & 1 ? 8 * 36 : b[1] & 2 ? b[2] & 63 : 200 + b[2] };
    __u64 one = 1;
    name.text[0] = b[3] & 1;
    name.text[5] = b[3] & 2;
    name.text[35] = b[3] & 12;
    if (b[4] & 1)
        b[5] = bpf_map_update_elem(&names, &name, &one, b[6] & 3);
    else if (b[4] & 2)
        b[5] = bpf_map_delete_elem(&names, &name);
    name.text[3] = b[7] & 1;
    __u64 *hits = bpf_map_lookup_elem(&names, &name);
    if (!hits)
        return XDP_PASS;
    *hits += 1;
    b[8] = *hits;
    return XDP_TX;
}
"""

QUEUES = """
struct item { __u32 number; __u16 port; __u8 more[3]; };
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __type(value, struct item); __uint(max_entries, 5); } queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK); __type(value, __u64); __uint(max_entries, 3); } stack SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    struct item item;
    __u64 value = *(__u64 *)(b + 8);
    __builtin_memcpy(&item, b + 4, sizeof(item));
    switch (b[0] & 7) {
    case 0: case 1: b[1] = bpf_map_push_elem(&queue, &item, b[2] & 3); return XDP_TX;
    case 2: b[1] = bpf_map_pop_elem(&queue, &item); __builtin_memcpy(b + 4, &item, sizeof(item)); return XDP_TX;
    case 3: b[1] = bpf_map_peek_elem(&queue, &item); __builtin_memcpy(b + 4, &item, sizeof(item)); return XDP_TX;
    case 4: b[1] = bpf_map_push_elem(&stack, &value, b[2] & 2); break;
    case 5: b[1] = bpf_map_pop_elem(&stack, &value); *(__u64 *)(b + 8) = value; break;
    case 6: b[1] = bpf_map_peek_elem(&stack, &value); *(__u64 *)(b + 8) = value; break;
    case 7:
        if (!bpf_map_pop_elem(&stack, &value))
            value += bpf_map_push_elem(&stack, &value, BPF_EXIST) + bpf_map_push_elem(&stack, &value, 4);
        *(__u64 *)(b + 8) = value;
    }
    return XDP_PASS;
}
"""

CHAIN = """
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4);
    __uint(max_entries, 5); } next SEC(".maps");
MAP(total, ARRAY, __u32, __u64, 4);
static __always_inline void count(__u32 index)
{
    __u64 *sum = bpf_map_lookup_elem(&total, &index);
    if (sum)
        *sum += 1;
}
SEC("xdp") int shorten(struct xdp_md *ctx)
{
    count(0);
    return bpf_xdp_adjust_head(ctx, 6) ? XDP_ABORTED : XDP_TX;
}
SEC("xdp") int mark(struct xdp_md *ctx)
{
    START;
    b[3] ^= 0x55;
    count(1);
    return XDP_PASS;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    b[4] = 1;
    if (b[0] & 1)
        bpf_tail_call(ctx, &next, b[1] & 7);
    count(2);
    b[5] = 2;
    bpf_tail_call(ctx, &next, 4);
    count(3);
    return XDP_DROP;
}
"""

POLICER = """
struct bucket { __u32 level; struct bpf_spin_lock lock; __u64 last; __u32 drops, more; };
MAP(buckets, HASH, __u32, struct bucket, 16);
MAP(total, ARRAY, __u32, struct bucket, 2);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & 7, zero = 0, length = end - data;
    struct bucket *bucket = bpf_map_lookup_elem(&buckets, &key), *all = bpf_map_lookup_elem(&total, &zero);
    if (!bucket) {
        struct bucket fresh = { .level = 300, .last = b[1] };
        b[4] = bpf_map_update_elem(&buckets, &key, &fresh, b[2] & 7);
        return XDP_PASS;
    }
    bpf_spin_lock(&bucket->lock);
    bucket->level += (b[3] - bucket->last) & 63;
    bucket->last = b[3];
    int fits = bucket->level >= length;
    if (fits)
        bucket->level -= length;
    else
        bucket->drops++;
    bpf_spin_unlock(&bucket->lock);
    if (all) {
        bpf_spin_lock(&all->lock);
        all->level += fits;
        all->last += length;
        bpf_spin_unlock(&all->lock);
    }
    if (fits)
        return XDP_TX;
    struct bucket again = { .level = 200 };
    if (b[5] & 1)
        b[4] = bpf_map_update_elem(&buckets, &key, &again, BPF_F_LOCK | (b[2] & 3));
    key = 1;
    if (b[5] & 2)
        b[6] = bpf_map_update_elem(&total, &key, &again, BPF_F_LOCK);
    return XDP_DROP;
}
"""

BLOOM = """
struct { __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __type(value, __u64); __uint(max_entries, 4096); } seen SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u64 value = b[0] & 127, other = b[1] & 127;
    b[2] = bpf_map_peek_elem(&seen, &value);
    if (b[3] & 1)
        b[4] = bpf_map_push_elem(&seen, &other, b[5] & 1);
    b[6] = bpf_map_peek_elem(&seen, &other);
    return b[2] ? XDP_TX : XDP_PASS;
}
"""

AFTER = """
MAP(flows, %s, __u32, __u64, 64);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & 15, other = b[1] & 15;
    __u64 value = b[2], *count = bpf_map_lookup_elem(&flows, &key);
    b[3] = bpf_map_update_elem(&flows, &other, &value, BPF_NOEXIST);
    if (!count)
        return XDP_PASS;
    *count += 256;
    *(__u64 *)(b + 8) = *count;
    return XDP_TX;
}
"""

ENTRIES = {
    "by_mac": {little(key): little(1, 0) for key in (0, 3, 5, 7, 200)},
    "by_port": {little(0): little(1), little(2): little(1)},
    "cpus": {little(0): little(8)},
    "sockets": {little(0): little(5)},
}
PROGRAMS = {"next": {little(0): little(2), little(3): little(1)}}  # by their numbers in the object


def prefix(length: int, *data: int, size: int) -> bytes:
    return little(length) + bytes(data).ljust(size, b"\0")


VALUES = {"queue": {little(0): bytes(range(12)), little(1): bytes(12)}, "stack": {little(0): b"12345678"}}
PREFIXES = {
    "routes": {
        prefix(length, *data, size=4): bytes(8)
        for length, *data in (
            (7, 10),
            (8, 10),
            (16, 10, 1),
            (15, 10, 2),
            (17, 10, 1, 128),
            (25, 10, 1, 128, 128),
            (31, 10, 3, 0, 8),
            (32, 10, 3, 129, 7),
            (23, 10, 3, 129),
        )
    },
    "routes6": {prefix(length, data, 255, size=16): bytes(3) for length, data in ((7, 0), (8, 1), (9, 2), (128, 3))},
}


@pytest.mark.parametrize(
    "body, entries",
    [
        pytest.param(SWITCH, ENTRIES, id="switch"),
        pytest.param(PERCPU, {}, id="percpu"),
        pytest.param(CHAIN, PROGRAMS, id="chain"),
        pytest.param(AFTER % "HASH", {}, id="after"),
        pytest.param(AFTER % "LRU_HASH", {}, id="after lru"),
        pytest.param(ROUTES, PREFIXES, id="routes"),
        pytest.param(LONG_ROUTES, {}, id="long routes"),
        pytest.param(QUEUES, VALUES, id="queues"),
        pytest.param(BLOOM, {"seen": {little(0): little(77, 0)}}, id="bloom"),  # so large that no other value is found
        pytest.param(POLICER, {"total": {little(1): bytes(24)}}, id="policer"),
    ],
)
def test_hardware_interpreter_and_linux_agree(
    body: str, entries: dict[str, dict[bytes, bytes]], tmp_path: Path
) -> None:
    hardware = agree(Session(design_of(body, tmp_path), entries), random_frames(600))
    assert len({result.verdict for result in hardware.results}) > 1
