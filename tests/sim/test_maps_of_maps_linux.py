"""Maps of maps: interpreter, graph and hardware against the running kernel, while the host switches the inner maps."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from agreement import agree
from c_programs import HEAD, LICENSE, compiled, needs_clang, needs_headers
from hardpath.codegen.chain import with_contents, with_slot
from hardpath.codegen.elf import select
from hardpath.codegen.flow import Design, compile_program, maps_of, verify_program
from hardpath.codegen.graph import Evaluator
from hardpath.codegen.spec import ObjectSpec
from hardpath.hdl.errors import InputError, Refused, VerificationError
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Input, compare
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available, kernel_verdict
from hardpath.sim.mapfile import parse_maps
from hardpath.sim.session import Session
from hardpath.sim.toolchain import has_compiler

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
    needs_clang,
    needs_headers,
]
netlist = pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")

MAPS = """
#define INNER(tag, kind, keys, values, entries) struct tag { __uint(type, BPF_MAP_TYPE_##kind); \\
    __type(key, keys); __type(value, values); __uint(max_entries, entries); }
#define OUTER(name, kind, keys, entries, tag) struct { __uint(type, BPF_MAP_TYPE_##kind); __type(key, keys); \\
    __uint(max_entries, entries); __array(values, struct tag); } name SEC(".maps")
"""

COUNTERS = """
INNER(counts, ARRAY, __u32, __u64, 4);
struct counts left SEC(".maps"), right SEC(".maps");
OUTER(by_port, ARRAY_OF_MAPS, __u32, 4, counts) = { .values = { [0] = &left, [2] = &right } };
static __noinline int add(void *counts, __u32 key, __u64 amount)
{
    __u64 *count = bpf_map_lookup_elem(counts, &key);
    if (!count)
        return 0;
    *count += amount;
    return *count;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 slot = b[0] & 7, other = b[1] & 3, key = b[2] & 7;
    __u64 value = b[3];
    void *first = bpf_map_lookup_elem(&by_port, &slot), *second = bpf_map_lookup_elem(&by_port, &other);
    if (!first) {
        __u64 *direct = bpf_map_lookup_elem(&left, &key);
        if (direct)
            *direct += 3;
        return XDP_PASS;
    }
    __u64 *count = bpf_map_lookup_elem(first, &key);
    if (count) {
        *count += 1;
        b[4] = *count;
    }
    if (second) {
        b[5] = bpf_map_update_elem(second, &key, &value, b[6] & 3);
        __u64 *again = bpf_map_lookup_elem(first, &key);
        if (again)
            b[7] = *again;
    }
    return count ? XDP_TX : XDP_DROP;
}
"""

FLOWS = """
struct address { __u16 net, host; };
INNER(flows, HASH, struct address, __u32, 5);
struct flows red SEC(".maps"), green SEC(".maps"), blue SEC(".maps");
OUTER(tenants, HASH_OF_MAPS, __u32, 4, flows) = { .values = { [1] = &red, [2] = &green, [3] = &blue } };
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 tenant = b[0] & 7, one = 1;
    struct address address = { b[1] & 3, b[2] & 1 };
    void *flows = bpf_map_lookup_elem(&tenants, &tenant);
    if (!flows)
        return XDP_DROP;
    __u32 *packets = bpf_map_lookup_elem(flows, &address);
    if (b[3] & 1) {
        b[4] = bpf_map_delete_elem(flows, &address);
        return XDP_PASS;
    }
    if (!packets) {
        b[4] = bpf_map_update_elem(flows, &address, &one, BPF_NOEXIST);
        return XDP_PASS;
    }
    *packets += 1;
    b[5] = *packets;
    return XDP_TX;
}
"""

KINDS = """
struct prefix { __u32 length; __u8 data[4]; };
struct routes { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct prefix); __type(value, __u64);
    __uint(max_entries, 8); __uint(map_flags, BPF_F_NO_PREALLOC); } table_a SEC(".maps"), table_b SEC(".maps");
OUTER(tables, ARRAY_OF_MAPS, __u32, 2, routes) = { .values = { [0] = &table_a, [1] = &table_b } };
struct backlog { __uint(type, BPF_MAP_TYPE_QUEUE); __type(value, __u32); __uint(max_entries, 3); }
    queue_a SEC(".maps"), queue_b SEC(".maps");
OUTER(queues, ARRAY_OF_MAPS, __u32, 2, backlog) = { .values = { [0] = &queue_a, [1] = &queue_b } };
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 table = b[0] & 1, number = b[1] & 1, value = b[2];
    struct prefix key = { 32, { 10, b[3] & 3, b[4] & 1, 1 } };
    void *routes = bpf_map_lookup_elem(&tables, &table), *queue = bpf_map_lookup_elem(&queues, &number);
    if (routes) {
        __u64 *hits = bpf_map_lookup_elem(routes, &key);
        if (hits)
            b[5] = ++*hits;
    }
    if (!queue)
        return XDP_PASS;
    if (b[6] & 1) {
        b[7] = bpf_map_push_elem(queue, &value, 0);
        return XDP_TX;
    }
    b[7] = bpf_map_pop_elem(queue, &value);
    b[8] = value;
    return XDP_TX;
}
"""

FILLED_BY_USERS = """
INNER(counts, ARRAY, __u32, __u32, 2);
OUTER(by_port, ARRAY_OF_MAPS, __u32, 2, counts);
struct counts spare SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 slot = b[0] & 3, key = b[1] & 1;
    void *counts = bpf_map_lookup_elem(&by_port, &slot);
    __u32 *count = counts ? bpf_map_lookup_elem(counts, &key) : 0;
    if (!count)
        return XDP_PASS;
    *count += 1;
    return XDP_TX;
}
"""


def spec_of(body: str, folder: Path) -> ObjectSpec:
    return compiled(HEAD + MAPS + body + LICENSE, folder)


def design_of(spec: ObjectSpec) -> Design:
    return compile_program(spec, select(spec, "program"))


def frames(count: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(rng.choice((14, 20, 20, 24, 60))) for _ in range(count)]


CASES = {"counters": (COUNTERS, "by_port"), "flows": (FLOWS, "tenants"), "kinds": (KINDS, "tables")}


@pytest.mark.parametrize("name", CASES)
def test_every_frame_finds_the_map_that_the_host_put_there_last(name: str, tmp_path: Path) -> None:
    body, outer = CASES[name]
    design = design_of(spec_of(body, tmp_path))
    maps, table = design.known_maps, design.maps[outer].table
    assert table is not None
    interpreter, graph = Interpreter(design.program, maps), Evaluator(design.graph, maps)
    rng, verdicts, switched = random.Random(name), set(), 0
    with LinuxOracle(design.program, maps) as oracle:
        for data in frames(700, 3):
            key = rng.randrange(design.maps[outer].max_entries).to_bytes(4, "little")
            if rng.random() < 0.1:
                number = rng.choice(table.numbers).to_bytes(4, "little")
                for each in (oracle, interpreter):
                    each.set_map(outer, key, number)
                assert graph.models[outer].update(key, number, 0) == 0
                switched += 1
            elif rng.random() < 0.05 and key in oracle.maps()[outer]:
                for each in (oracle, interpreter):
                    each.delete(outer, key)
                assert graph.models[outer].delete(key) == 0
            expected, interpreted, made = oracle.run(data), interpreter.run(data), graph.run(data)
            assert (interpreted.verdict, interpreted.frame) == (expected.verdict, expected.frame)
            assert made.verdict == expected.verdict and made.frame in (None, expected.frame)
            verdicts.add(expected.verdict)
        after = oracle.maps()
    assert interpreter.maps() == after
    assert {each: dict(model.items()) for each, model in graph.models.items()} == after
    assert len(verdicts) > 1 and switched > 30


@netlist
@pytest.mark.parametrize("name", ["counters", "flows"])
def test_the_hardware_does_what_linux_does(name: str, tmp_path: Path) -> None:
    """Back to back; one slot holds another map than in the object."""
    body, outer = CASES[name]
    spec = spec_of(body, tmp_path)
    held = spec.maps[outer].slots
    given = parse_maps({outer: [{"key": "02000000", "value": held[min(held)]}]}, spec.maps)
    design = design_of(with_contents(spec, given))
    session, sent = Session(design, given), [Frame(data) for data in frames(500, 4)]
    hardware = agree(session, sent)
    assert sum(map(any, hardware.maps[held[min(held)]].values())) > 1


def test_who_names_no_inner_map_gets_a_new_one(tmp_path: Path) -> None:
    """And as many as are named; those of the object that nobody puts there are not in it."""
    spec = spec_of(FILLED_BY_USERS, tmp_path)
    assert spec.maps["by_port"].table.held == ("by_port.inner",)
    more = with_slot(spec, "by_port", 1, ("by_port.b", "spare", "by_port.inner"))
    assert set(more.maps["by_port"].table.held) == {"by_port.b", "spare", "by_port.inner"}
    design = design_of(more)
    sent = [Frame(data) for data in frames(60, 5)]
    session = Session(design)
    graph, oracle = session.graph(sent), session.linux(sent)
    source = Input(design.program, session.maps, [frame.data for frame in sent], {})
    assert compare(graph, oracle, source) is None
    assert oracle.maps["by_port"] == {b"\1\0\0\0": more.maps["by_port"].table.number("by_port.b").to_bytes(4, "little")}
    assert any(map(any, oracle.maps["by_port.b"].values()))


def test_what_linux_does_not_put_into_a_map_is_refused(tmp_path: Path) -> None:
    other = 'INNER(other, ARRAY, __u32, __u64, 2); struct other wide SEC(".maps");'
    spec = spec_of(FILLED_BY_USERS + other, tmp_path)
    for slot, name, message in (
        (0, "wide", "its value_size is 8, it must be 4"),
        (0, "by_port", "it is of type array_of_maps"),
        (0, "nobody", r"no map of the object; .* a name that begins with by_port\. is a new map"),
        (2, "spare", "the map has 2 entries only"),
    ):
        with pytest.raises(InputError, match=message):
            with_slot(spec, "by_port", slot, (name,))


BAD = {
    "untested": ("return bpf_map_lookup_elem(m, &key) ? 1 : 2;", "may be NULL"),
    "write": ("__u32 v = 0; return bpf_map_update_elem(&by_port, &key, &v, 0) ? 1 : 2;", "array_of_maps"),
    "delete": ("return bpf_map_delete_elem(&by_port, &key) ? 1 : 2;", "array_of_maps"),
}


@pytest.mark.parametrize("name", BAD)
def test_programs_that_linux_rejects_are_rejected(name: str, tmp_path: Path) -> None:
    code, message = BAD[name]
    body = FILLED_BY_USERS + f"""
        SEC("xdp") int bad(struct xdp_md *ctx) {{
            __u32 key = 0; void *m = bpf_map_lookup_elem(&by_port, &key); {code}
        }}"""
    spec = spec_of(body, tmp_path)
    program = select(spec, "bad")
    accepted, _ = kernel_verdict(program, maps_of(program, spec.maps))
    assert not accepted
    with pytest.raises((VerificationError, Refused), match=message):
        verify_program(spec, program)
