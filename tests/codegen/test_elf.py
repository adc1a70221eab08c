"""Objects of real compilers become specifications: programs, maps, global data, references, what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hardpath.codegen.disassemble import disassemble
from hardpath.codegen.elf import load, select, with_map_size, with_variables
from hardpath.codegen.elf.kinds import program_type
from hardpath.codegen.elf.load import load_bytes
from hardpath.codegen.isa import FunctionReference, MapReference
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from hardpath.hdl.errors import InputError, Refused
from hardpath.hdl.maps.registry import MAP_TYPES

DATA = Path(__file__).parents[1] / "data" / "elf"
CALLS = [f"calls.{compiler}.o" for compiler in ("v1", "v2", "v3", "v4", "clang14", "gcc")]


def program(name: str, which: str | None = None) -> ProgramSpec:
    """A program of a test object."""
    return select(load(DATA / name), which)


def calls_of(spec: ProgramSpec) -> dict[int, str]:
    """Slot of each call of a subprogram, and the name of what it goes to."""
    return {slot: spec.functions[slot + 1 + i.imm] for slot, i in enumerate(spec.instructions) if i.is_local_call}


def function_of(spec: ProgramSpec, slot: int) -> str:
    """The function that a slot belongs to."""
    return spec.functions[max(start for start in spec.functions if start <= slot)]


# --- programs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_subprograms_are_appended_once_and_called(name: str) -> None:
    spec = program(name, "first")
    assert list(spec.functions.values()) == ["first", "middle", "leaf", "other"]
    edges = {(function_of(spec, slot), target) for slot, target in calls_of(spec).items()}
    assert edges == {("first", "middle"), ("first", "other"), ("middle", "leaf"), ("other", "leaf")}
    assert list(program(name, "second").functions.values()) == ["second", "middle", "leaf"]


@pytest.mark.parametrize("name", CALLS)
def test_global_data_is_referenced_where_the_variable_lies(name: str) -> None:
    spec = load(DATA / name)
    linked = select(spec, "first")
    assert spec.btf is not None
    places = {v.name: (s.name, e.offset) for s, e, v in spec.btf.variables()}
    used = {
        (i.reference.map, i.reference.offset)
        for i in linked.instructions
        if isinstance(i.reference, MapReference) and i.reference.offset is not None
    }
    assert {places[name] for name in ("limit", "verdict", "seen", "total", "last")} == used


def test_static_functions_in_a_programs_section_are_subprograms() -> None:
    spec = load(DATA / "iproute2.o")
    assert [p.name for p in spec.programs] == ["nested"]
    linked = select(spec)
    assert list(linked.functions.values()) == ["nested", "verdict"]
    assert list(calls_of(linked).values()) == ["verdict"]


def test_each_program_of_an_object_knows_its_section() -> None:
    spec = load(DATA / "sections.o")
    found = {p.name: (p.section, p.type, p.attach, p.frags) for p in spec.programs}
    assert found == {
        "egress": ("xdp/devmap", "xdp", "devmap", False),
        "remote": ("xdp/cpumap", "xdp", "cpumap", False),
        "filter": ("classifier", "classifier", "xdp", False),
        "probe": ("kprobe/do_nothing", "kprobe", "xdp", False),
        "big": ("xdp.frags", "xdp", "xdp", True),
        "legacy": ("xdp_old_style", "xdp", "xdp", False),
        "numbered": ("2/7", "xdp", "xdp", False),
    }
    assert spec.license == "Dual BSD/GPL" and all(p.license == spec.license for p in spec.programs)


def test_without_symbols_the_section_names_the_program() -> None:
    spec = load(DATA / "sections.stripped.o")
    assert [p.name for p in spec.programs] == [p.section for p in load(DATA / "sections.o").programs]
    assert spec.btf is None


@pytest.mark.parametrize(
    ("section", "type"),
    [
        ("xdp1", "xdp"),
        ("2/7", "xdp"),
        ("xdp-balancer", "xdp"),
        ("xdp_tx_iptunnel", "xdp"),
        ("?xdp", "xdp"),
        ("prog", "xdp"),
        ("tcp_counter", "xdp"),
        ("tc", "tc"),
        ("tc/ingress", "tc"),
        ("?kprobe/x", "kprobe"),
        ("socket1", "socket"),
        ("fentry.s/x", "fentry"),
        ("cgroup_skb/egress", "cgroup_skb"),
        ("raw_tracepoint/x", "raw_tracepoint"),
    ],
)
def test_program_type_by_section_name(section: str, type: str) -> None:
    assert program_type(section) == type


def test_source_lines_reach_every_function() -> None:
    spec = program("calls.v3.o", "first")
    for name in spec.functions.values():
        start = next(slot for slot, function in spec.functions.items() if function == name)
        line = spec.line_of(start)
        assert line is not None and line.file == "./calls.c" and line.text.strip()
    line = spec.line_of(next(slot for slot, target in calls_of(spec).items() if target == "middle"))
    assert line is not None and line.text.strip() == "if (middle(ctx->ingress_ifindex) > other(key))"


def test_addresses_of_functions_are_references() -> None:
    spec = program("callback.o")
    references = [i.reference for i in spec.instructions if isinstance(i.reference, FunctionReference)]
    assert {r.name for r in references} == {"twice", "add"}
    assert all(spec.functions[r.slot] == r.name for r in references)


def test_instructions_of_cpu_v4() -> None:
    listing = [disassemble(i) for i in program("v4.o").instructions]
    for text in ("r2 = *(s8 *)(r1 + 0)", "r2 = (s32)r2", "r2 s/= r4", "r2 s%= 7", "r2 = bswap64 r2"):
        assert text in listing


# --- choosing ------------------------------------------------------------------------------------


def test_the_program_for_a_devices_ingress_is_the_default() -> None:
    assert select(load(DATA / "sections.o")).name == "big"


def test_several_candidates_are_listed() -> None:
    with pytest.raises(InputError, match=r"--program.*first \(section xdp\), second \(section xdp\)"):
        select(load(DATA / "calls.v3.o"))


def test_choosing_by_name_and_section() -> None:
    spec = load(DATA / "sections.o")
    assert select(spec, section="2/7").name == "numbered"
    assert select(spec, "legacy", "xdp_old_style").name == "legacy"
    with pytest.raises(InputError, match=r"no program named nothing; it has egress \(section xdp/devmap\)"):
        select(spec, "nothing")
    with pytest.raises(InputError, match="no program named legacy in section xdp;"):
        select(spec, "legacy", "xdp")
    with pytest.raises(InputError, match=r"filter is a program for classifier \(section classifier\).*choose an XDP"):
        select(spec, "filter")


# --- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_maps_defined_by_btf(name: str) -> None:
    spec = load(DATA / name)
    counts, flows = spec.maps["counts"], spec.maps["flows"]
    assert (counts.type, counts.key_size, counts.value_size, counts.max_entries) == (2, 4, 8, 4)
    assert (flows.type, flows.key_size, flows.value_size, flows.max_entries, flows.flags) == (1, 6, 8, 1024, 1)
    assert spec.btf is not None
    assert spec.btf.type(flows.value_type).name == "value" and flows.key_type == 0
    assert {i.reference.map for i in select(spec, "first").instructions if i.is_load64 and i.src == 1} == {
        "counts",
        "flows",
    }


def test_global_data_is_an_array_of_one_entry() -> None:
    maps = load(DATA / "calls.v3.o").maps
    assert maps[".rodata"].initial == bytes([7, 0, 0, 0, 2])
    assert maps[".data"].initial == (5).to_bytes(8, "little")
    assert maps[".bss"].initial == bytes(12)
    for name in (".rodata", ".data", ".bss"):
        m = maps[name]
        assert (m.type, m.key_size, m.value_size, m.max_entries) == (2, 4, len(m.initial or b""), 1)
        assert m.readonly == (name == ".rodata")


def test_legacy_maps_with_trailing_fields() -> None:
    maps = load(DATA / "legacy.o").maps
    first, second = maps["first_map"], maps["second_map"]
    assert (first.type, first.key_size, first.value_size, first.max_entries, first.flags) == (2, 4, 8, 16, 0)
    assert (second.type, second.key_size, second.value_size, second.max_entries, second.flags) == (1, 6, 12, 100, 1)
    used = [i.reference for i in program("legacy.o").instructions if i.reference]
    assert used == [MapReference("first_map"), MapReference("second_map")]


def test_maps_of_file_descriptors_and_rings_have_the_sizes_that_loaders_give_them() -> None:
    maps = load(DATA / "descriptors.o").maps
    sizes = {name: (m.key_size, m.value_size, m.max_entries) for name, m in maps.items()}
    assert sizes == {"perf": (4, 4, 1), "programs": (4, 4, 2), "ring": (0, 0, 8192)}


def other_table(type: int, key_size: int, value_size: int, max_entries: int) -> MapSpec:
    """The legacy map of an object, defined in another way."""
    contents, hash_map = (DATA / "unsized.o").read_bytes(), struct.pack("<4I", 1, 4, 8, 0)
    assert contents.count(hash_map) == 1
    other = struct.pack("<4I", type, key_size, value_size, max_entries)
    return load_bytes("x.o", contents.replace(hash_map, other)).maps["table"]


def test_a_trie_has_the_flag_without_which_there_is_none() -> None:
    trie = other_table(11, 8, 8, 16)
    assert trie.flags == 1  # BPF_F_NO_PREALLOC
    MAP_TYPES[trie.type].check(trie)


@pytest.mark.parametrize(("type", "key_size", "sizes"), [(12, 0, (4, 4)), (13, 6, (6, 4))])
def test_maps_of_maps_have_the_sizes_that_loaders_give_them(type: int, key_size: int, sizes: tuple[int, int]) -> None:
    outer = other_table(type, key_size, 0, 16)
    assert (outer.key_size, outer.value_size) == sizes


def test_iproute2_maps_find_their_inner_map() -> None:
    maps = load(DATA / "iproute2.o").maps
    assert maps["outer_map"].inner == maps["inner_map"]
    assert maps["inner_map"].inner is None
    assert maps["outer_map"].slots == {0: "inner_map"}


def test_an_inner_map_of_iproute2_without_an_index_is_a_template_only() -> None:
    contents = (DATA / "iproute2.o").read_bytes()
    inner = struct.pack("<9I", 2, 4, 8, 3, 0, 42, 0, 0, 0)
    assert contents.count(inner) == 1
    maps = load_bytes("o.o", contents.replace(inner, inner[:-4] + b"\xff\xff\xff\xff")).maps
    table = maps["outer_map"].table
    assert maps["outer_map"].slots == {} and table is not None and table.held == ("outer_map.inner",)


def test_maps_of_maps_and_programs_with_contents() -> None:
    maps = load(DATA / "nested.o").maps
    inner = maps["outer"].inner
    assert inner is not None and (inner.type, inner.max_entries, inner.value_size) == (2, 3, 8)
    assert maps["outer"].slots == {0: "left", 1: "right"}
    table = maps["outer"].table
    assert table is not None and table.held == ("left", "right") and [table.name(n) for n in table.first.values()] == [
        "left", "right",
    ]
    assert maps["jumps"].slots == {2: "target"} and maps["jumps"].inner is None


def test_objects_of_rustc_as_aya_programs_are() -> None:
    spec = load(DATA / "aya.o")
    assert spec.license == "GPL"
    assert {p.name: (p.section, list(p.functions.values())) for p in spec.programs} == {
        "second": ("xdp/second", ["second", "count"]),
        "sources": ("xdp", ["sources", "count"]),
    }
    sizes = {m.name: (m.type, m.key_size, m.value_size, m.max_entries, m.flags) for m in spec.maps.values()}
    assert sizes["SOURCES"] == (1, 4, 8, 1024, 0) and sizes["TOTALS"] == (6, 4, 8, 4, 0)


def test_iproute2_sections_say_which_slot_of_which_array_a_program_is_for() -> None:
    spec = load(DATA / "numbered.o")
    assert spec.maps["calls"].slots == {7: "seventh", 16: "sixteenth"}
    linked = select(spec, "entry")
    assert [member.name for member in linked.members.values()] == ["entry", "seventh", "sixteenth"]
    assert "elsewhere" not in linked.functions.values()


# --- what only a kernel knows --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "symbol"),
    [
        ("config", "configuration value CONFIG_HZ"),
        ("variable", "uses the kernel symbol jiffies"),
        ("function", "calls the kernel symbol bpf_xdp_metadata_rx_hash"),
    ],
)
def test_kernel_symbols_are_refused_by_name(which: str, symbol: str) -> None:
    with pytest.raises(Refused, match=rf"(?s){symbol}.*At: .*instruction 0 of {which} .*externs\.c:") as error:
        program("externs.o", which)
    assert error.value.remedy


def test_a_broken_program_does_not_spoil_the_others() -> None:
    assert [i.opcode for i in program("externs.o", "fine").instructions][-1] == 0x95


# --- overrides -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calls() -> ObjectSpec:
    """An object with maps and variables."""
    return load(DATA / "calls.v3.o")


def test_map_sizes_can_be_changed(calls: ObjectSpec) -> None:
    changed = with_map_size(calls, "flows", 8)
    assert changed.maps["flows"].max_entries == 8
    assert calls.maps["flows"].max_entries == 1024
    assert list(changed.maps) == list(calls.maps)


@pytest.mark.parametrize(("name", "entries"), [("nothing", 1), (".rodata", 2), ("flows", 0), ("flows", 1 << 32)])
def test_impossible_map_sizes_are_errors(calls: ObjectSpec, name: str, entries: int) -> None:
    with pytest.raises(InputError, match=rf"calls\.v3\.o: .*{name}"):
        with_map_size(calls, name, entries)


@pytest.mark.parametrize("name", CALLS)
def test_variables_can_be_set_by_name(name: str) -> None:
    spec = load(DATA / name)
    changed = with_variables(spec, {"limit": 0x01020304, "verdict": 1, "last": -2})
    assert spec.btf is not None
    for section, entry, variable in spec.btf.variables():
        if section.name not in spec.maps:
            continue
        where = slice(entry.offset, entry.offset + entry.size)
        before, after = ((s.maps[section.name].initial or b"")[where] for s in (spec, changed))
        expected = {"limit": b"\4\3\2\1", "verdict": b"\1", "last": b"\xfe\xff\xff\xff"}
        assert after == expected.get(variable.name, before)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nothing": 1}, "no variable nothing; it has .*limit"),
        ({"verdict": 256}, "256 does not fit the 1 bytes of variable verdict"),
        ({"verdict": -129}, "-129 does not fit"),
        ({"counts": 1}, "no variable counts"),
    ],
)
def test_impossible_values_are_errors(calls: ObjectSpec, values: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_variables(calls, values)


def test_symbols_name_the_variables_where_there_is_no_btf() -> None:
    spec = load(DATA / "aya.o")
    assert spec.btf is None
    changed = with_variables(spec, {"LIMIT": 0x0102030405060708})
    assert changed.maps[".rodata.LIMIT"].initial == bytes(range(8, 0, -1))
    assert spec.maps[".rodata.LIMIT"].initial == (3).to_bytes(8, "little")
    with pytest.raises(InputError, match="there is no variable LICENSE; it has LIMIT"):
        with_variables(spec, {"LICENSE": 1})
    with pytest.raises(InputError, match="there is no variable x; it has none"):
        with_variables(load(DATA / "legacy.o"), {"x": 1})


def test_an_object_without_programs_says_how_to_mark_one():
    with pytest.raises(InputError, match=r'no programs at all: put SEC\("xdp"\) in front'):
        select(ObjectSpec("empty.o", (), {}))
