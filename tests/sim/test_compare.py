"""Comparison: the first difference, in words that lead to the line of the program."""

import json

import pytest
from assembler import FP
from hardpath.codegen.isa import Alu
from hardpath.codegen.spec import MapSpec
from hardpath.sim.compare import Input, Record, compare, fill, record
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.results import FrameResult, Verdict
from hypothesis import given
from hypothesis import strategies as st

FRAMES = [bytes(range(64)), bytes(80), bytes(range(100, 160))]
COUNTER = {"counter": MapSpec("counter", 2, 4, 8, 1)}


def counting(a):
    """Counts in a map, and writes the count into byte 3."""
    a.load(4, 6, 1, 0)
    a.store(4, FP, -4, imm=0)
    a.map(1, "counter", 0)
    a.load(8, 2, 1, 0)
    a.alu(Alu.ADD, 2, imm=1)
    a.store(8, 1, 0, src=2)
    a.store(1, 6, 3, src=2)
    a.move(0, imm=2)
    a.exit()


STORE_COUNT, STORE_BYTE = 6, 7  # slots in it


@pytest.fixture
def right(assemble):
    return record("right", Interpreter(assemble(counting), COUNTER), FRAMES)


@pytest.fixture
def source(assemble):
    return Input(assemble(counting), COUNTER, FRAMES, {})


def changed(of, index, **fields):
    """The record with one frame's result replaced."""
    results = list(of.results)
    before = results[index]
    values = {name: getattr(before, name) for name in ("index", "verdict", "out", "redirect")}
    results[index] = FrameResult(**{**values, **fields})
    return Record("wrong", results, of.maps)


def test_equal_records_have_no_difference(right, source):
    assert compare(right, right, source) is None


@given(index=st.integers(0, 2), offset=st.integers(0, 59), bit=st.integers(0, 7))
def test_every_wrong_bit_is_found_where_it_is(index, offset, bit):
    right = Record("right", [FrameResult(i, Verdict.TX, frame) for i, frame in enumerate(FRAMES)], {})
    out = bytearray(FRAMES[index])
    out[offset] ^= 1 << bit
    found = compare(right, changed(right, index, out=bytes(out)))
    assert (found.what, found.frame, found.offset) == ("byte", index, offset)
    assert found.values == (f"0x{FRAMES[index][offset]:02x}", f"0x{out[offset]:02x}")


def test_a_wrong_byte_names_the_instruction_that_wrote_it(right, source):
    out = bytearray(right.results[1].out)
    out[3] = 0x99
    found = compare(right, changed(right, 1, out=bytes(out)), source)
    assert found.place.slot == STORE_BYTE
    assert found.values == ("0x02", "0x99")
    assert "frame 1, byte 3" in str(found)
    assert "instruction 7 of test" in str(found)


def test_a_wrong_byte_that_nothing_wrote_says_so(right, source):
    out = bytearray(right.results[0].out)
    out[50] ^= 1
    assert "no instruction of the program wrote it" in str(compare(right, changed(right, 0, out=bytes(out)), source))


@pytest.mark.parametrize(
    "fields, what",
    [
        ({"verdict": Verdict.DROP, "out": None}, "verdict"),
        ({"out": b"short"}, "length"),
        ({"redirect": 5}, "redirect"),
    ],
)
def test_other_differences_of_a_frame(right, source, fields, what):
    base = changed(right, 2, redirect=4)
    assert compare(base, changed(base, 2, **fields), source).what == what


def test_a_redirect_that_one_side_does_not_know_is_no_difference(right):
    assert compare(right, changed(right, 0, redirect=3)) is None


def test_the_first_frame_counts(right):
    wrong = changed(changed(right, 2, verdict=Verdict.TX), 1, verdict=Verdict.TX)
    assert compare(right, wrong).frame == 1


def test_a_missing_frame_is_a_difference(right):
    assert compare(right, Record("short", right.results[:2], right.maps)).frame == 2


def test_a_wrong_map_value_names_the_instruction_and_the_frame(right, source):
    wrong = Record("wrong", right.results, {"counter": {bytes(4): (2).to_bytes(8, "little")}})
    found = compare(right, wrong, source)
    assert (found.map, found.key, found.offset, found.values) == ("counter", bytes(4), 0, ("0x03", "0x02"))
    assert (found.place.slot, found.written_in) == (STORE_COUNT, 2)
    assert "map counter, key 00000000, value byte 0" in str(found)
    json.dumps(found.document())


def test_a_missing_entry_is_a_difference(right):
    found = compare(right, Record("wrong", right.results, {"counter": {}}))
    assert (found.what, found.values) == ("entry", ("0300000000000000", "no entry"))


def test_initial_contents_are_part_of_the_explanation(assemble):
    contents = {"counter": {bytes(4): (40).to_bytes(8, "little")}}
    oracle = Interpreter(assemble(counting), COUNTER)
    fill(oracle, contents)
    right = record("right", oracle, FRAMES)
    assert right.results[0].out[3] == 41
    replay = Input(assemble(counting), COUNTER, FRAMES, contents).interpret(2)
    assert replay.maps()["counter"][bytes(4)][0] == 42


@pytest.mark.parametrize(
    "channel, what, nothing", [("", "line", "nothing printed"), ("ring", "record of ring", "no record")]
)
def test_events_are_compared_where_both_tell_them(channel, what, nothing):
    left = Record("left", [], {}, {channel: [(0, "a"), (2, "b")]})
    assert compare(left, Record("right", [], {}, {channel: [(0, "a"), (2, "b")], "more": [(0, "x")]})) is None
    assert compare(left, Record("right", [], {})) is None
    for told, frame, values in (
        ([(0, "a"), (2, "c")], 2, ("b", "c")),
        ([(0, "a")], 2, ("b", nothing)),
        ([(0, "a"), (1, "x"), (2, "b")], 1, (nothing, "x")),
    ):
        found = compare(left, Record("right", [], {}, {channel: told}))
        assert (found.what, found.frame, found.values) == (what, frame, values)


def test_nobody_is_said_to_have_written_a_value_of_a_queue(assemble):
    """Values move there, so that who wrote the one at a position is not known."""
    source = Input(assemble(counting), {**COUNTER, "queue": MapSpec("queue", 22, 0, 4, 3)}, FRAMES, {})
    left, right = (Record(name, [], {"queue": {bytes(4): name.encode()}}) for name in ("left", "rest"))
    found = compare(left, right, source)
    assert (found.map, found.key, found.values) == ("queue", bytes(4), ("0x6c", "0x72"))
    assert "no instruction" not in str(found)
