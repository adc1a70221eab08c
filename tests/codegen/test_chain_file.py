"""Chains of objects: what the file says becomes one program; what it says wrong is one line with a remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hardpath.codegen.chain_file import load
from hardpath.codegen.dispatcher import Link, dispatched, run_configuration
from hardpath.codegen.elf import load as load_object
from hardpath.codegen.elf import select
from hardpath.codegen.merge import merged
from hardpath.hdl.errors import InputError

DATA = Path(__file__).parent.parent / "nic_model" / "data"


def test_programs_run_by_priority_and_keep_their_own_maps():
    spec = load(DATA / "chain.yaml")
    assert spec.main == "both"
    assert [p.name for p in spec.programs] == ["both", "second.mark", "first.mark", "upside_down"]
    whole = select(spec)
    # first.o says priority 7 itself, second.o nothing, which is 50.
    assert list(whole.parts[0].functions.values()) == ["both", "first.mark", "second.mark"]
    assert set(spec.maps) == {"first.counts", "second.counts", "seen", "more"}
    assert spec.maps["seen"].pinned and spec.maps["more"].slots == {3: "upside_down", 4: "upside_down"}
    assert [part.name for part in whole.parts] == ["both", "upside_down"]
    line = whole.line_of(next(slot for slot, name in whole.functions.items() if name == "second.mark"))
    assert line is None or line.file.endswith("second.c")


def test_an_object_can_say_its_place_in_a_chain():
    spec = load_object(DATA / "first.o")
    assert run_configuration(spec.btf, "mark") == (7, ("XDP_PASS", "XDP_TX"))
    assert run_configuration(spec.btf, "other") == (None, None)
    assert run_configuration(load_object(DATA / "second.o").btf, "mark") == (None, None)


def test_what_the_file_says_goes_first(tmp_path):
    spec = written(tmp_path, "programs: [{object: first.o, priority: 60}, {object: second.o}]")
    assert list(spec.programs[0].functions.values()) == ["chain", "second.mark", "first.mark"]


def test_equal_names_are_told_apart_and_single_ones_stay():
    first, second = load_object(DATA / "first.o"), load_object(DATA / "second.o")
    spec, names = merged("chain", {"a": first, "b": second})
    assert names == {"a": {"mark": "a.mark"}, "b": {"mark": "b.mark"}}
    assert set(spec.maps) == {"a.counts", "b.counts", "seen", "more"}
    together, _ = merged("chain", {"a": first, "b": second}, ["counts"])
    assert set(together.maps) == {"counts", "seen", "more"}
    alone, _ = merged("chain", {"a": first})
    assert set(alone.maps) == {"counts", "seen"} and alone.programs[0].name == "mark"
    assert all(found.name == name for name, found in spec.maps.items())


def test_maps_that_are_to_be_one_must_be_defined_alike():
    first, second = load_object(DATA / "first.o"), load_object(DATA / "second.o")
    larger = replace(second, maps={**second.maps, "seen": replace(second.maps["seen"], max_entries=5)})
    with pytest.raises(InputError, match=r"map seen is to be one map, but its max_entries is 32 in .*first.o and 5 in"):
        merged("chain", {"a": first, "b": larger})
    with pytest.raises(InputError, match="no object has a map stats that could be shared"):
        merged("chain", {"a": first, "b": second}, ["stats"])


def test_a_program_of_another_kind_is_no_link():
    program = replace(load_object(DATA / "other.o").programs[0], attach="devmap", section="xdp/devmap")
    with pytest.raises(InputError, match=r"upside_down \(section xdp/devmap\) is no XDP program for a device"):
        dispatched("x", [Link(program)])


def written(folder: Path, text: str):
    for name in ("first.o", "second.o", "other.o"):
        (folder / name).write_bytes((DATA / name).read_bytes())
    path = folder / "chain.yaml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("programs: [", "line 1, column 12: no YAML"),
        ("\tprograms: 1", "no YAML"),
        ("[]", "a chain is written {programs: [{object: FILE}, ...]}"),
        ("{}", "programs: name at least one"),
        ("programs: first.o", "programs: 'first.o' is no list"),
        ("programs: [first.o]", "program 1: it is written {object: FILE, program: NAME, priority: NUMBER}"),
        ("programs: [{object: first.o, prio: 1}]", "program 1 has no 'prio'; it may have chain_call_actions, object"),
        ("program: []", "a chain has no 'program'; it may have name, objects, programs, shared_maps, slots"),
        ("programs: [{object: first.o}]\nprograms: []", "line 2, column 1: no YAML: 'programs' is there twice"),
        ("programs: [{object: none.o}]", "/none.o: no such file"),
        ("programs: [{object: first.o, program: 5}]", "program 1, program: 5 is no name"),
        ("programs: [{object: first.o, program: other}]", "program 1: "),
        ("programs: [{object: first.o, priority: -1}]", "program 1, priority: -1 is no number from 0"),
        ("programs: [{object: first.o, priority: high}]", "program 1, priority: 'high' is no number"),
        ("programs: [{object: first.o, chain_call_actions: [PASS]}]", "'PASS' is none of XDP_ABORTED, XDP_DROP"),
        ("programs: [{object: first.o, chain_call_actions: XDP_TX}]", "chain_call_actions: 'XDP_TX' is no list"),
        ("programs: [{object: first.o}]\nname: mark", "the chain is called mark as one of its programs"),
        ("programs: [{object: first.o}]\nname: 3", "name: 3 is no name"),
        ("programs: [{object: first.o}]\nslots: {more: [a]}", "slots: written {MAP: {INDEX: PROGRAM"),
        ("programs: [{object: first.o}]\nslots: {seen: {0: mark}}", "seen is no array of programs"),
        ("programs: [{object: first.o}]\nshared_maps: [nothing]", "no object has a map nothing"),
        ("programs: [{object: first.o}]\nobjects: [chain.yaml]", "chain.yaml"),
        ("a: !!python/object/apply:os.system [true]", "no YAML"),
        ("a: &a [*a]", "a chain has no 'a'"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError) as raised:
        written(tmp_path, text)
    message = str(raised.value)
    assert str(tmp_path) in message and says in message and "\n" not in message


def test_a_slot_with_a_program_that_nobody_has_is_refused(tmp_path):
    spec = written(tmp_path, "programs: [{object: second.o}]\nslots: {more: {0: nobody}}")
    with pytest.raises(InputError, match="slot 0 of more holds nobody, which is no program of the object"):
        select(spec)


def test_the_same_file_twice_is_one_object(tmp_path):
    spec = written(tmp_path, "programs: [{object: first.o}, {object: first.o, priority: 9}]")
    assert set(spec.maps) == {"counts", "seen"}
    assert list(spec.programs[0].functions.values()) == ["chain", "mark", "mark"]


def test_a_file_that_is_no_text_or_not_there(tmp_path):
    for content in (b"\xff\xfe\x00", None):
        path = tmp_path / "c.yml"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=r"c\.yml"):
            load(path)
