"""Helpers' dataflow against their reference behaviour, evaluated operator by operator."""

import struct
from dataclasses import dataclass

import pytest
from hardpath.hdl.helpers.base import TARGET_BITS
from hardpath.hdl.helpers.csum_diff import CsumDiff
from hardpath.hdl.helpers.get_prandom_u32 import GetPrandomU32, mix
from hardpath.hdl.helpers.jiffies64 import Jiffies64
from hardpath.hdl.helpers.redirect import Redirect
from hardpath.hdl.helpers.registry import HELPERS
from hardpath.hdl.helpers.xdp_adjust_head import XdpAdjustHead
from hardpath.hdl.helpers.xdp_adjust_meta import XdpAdjustMeta
from hardpath.hdl.helpers.xdp_adjust_tail import XdpAdjustTail
from hardpath.hdl.helpers.xdp_get_buff_len import XdpGetBuffLen
from hardpath.hdl.helpers.xdp_limits import HIGHEST_END, LONGEST_METADATA, LOWEST_START, SHORTEST_FRAME
from hardpath.hdl.operators import OPERATORS
from hypothesis import example, given, settings
from hypothesis import strategies as st

U64 = (1 << 64) - 1
BASE = 256  # index of position 0 in the frame bytes


@dataclass(frozen=True)
class Node:
    width: int
    value: int


def node(value):
    return Node(64, value & U64)


def signed(n):
    return n.value - (1 << n.width) if n.value >> (n.width - 1) else n.value


class Frame:
    """Ends and bytes of a frame; helpers assign the ends in `lower` (nodes) and in `reference` (numbers)."""

    def __init__(self, wrap, data_meta, data, data_end, limit):
        self.data_meta, self.data, self.data_end, self.limit = map(wrap, (data_meta, data, data_end, limit))
        if limit == data_end:
            self.limit = self.data_end
        if data_meta == data:
            self.data_meta = self.data
        self.bytes = bytearray(i % 251 + 1 for i in range(BASE + HIGHEST_END))


class LoweredFrame(Frame):
    def zero(self, start, end, predicate):
        if predicate.value:
            first, behind = signed(start) + BASE, signed(end) + BASE
            self.bytes[first:behind] = bytes(behind - first)

    def move(self, source, destination, size, predicate):
        if predicate.value:
            first, to = signed(source) + BASE, signed(destination) + BASE
            self.bytes[to : to + size.value] = self.bytes[first : first + size.value]


class Machine(Frame):
    time_ns, frame_index, random_calls, redirect = 0, 0, 0, None

    def zero(self, start, end):
        self.bytes[BASE + start : BASE + end] = bytes(end - start)

    def move(self, source, destination, size):
        start = BASE + source
        self.bytes[BASE + destination : BASE + destination + size] = self.bytes[start : start + size]

    def read(self, address, size):
        return self.memory[address][:size]


class Call:
    """A `CallLowering` whose nodes are numbers. ``known``: arguments that verification has as constants."""

    predicate = Node(1, 1)

    def __init__(self, arguments, known, frame=None, memory=None, inputs=None, maximum=None, number=0):
        self.arguments, self.known, self.frame = arguments, known, frame
        self._memory, self._inputs, self._maximum = memory or {}, inputs or {}, maximum or {}
        self._number = number
        self.redirect = Node(TARGET_BITS, 0)

    def const(self, value, width):
        assert 0 <= value < 1 << width
        return Node(width, value)

    def op(self, name, width, *args, attr=None):
        operator = OPERATORS[name]
        widths = [a.width for a in args]
        operator.check(width, widths, attr)
        return Node(width, operator.evaluate(width, attr, widths, [a.value for a in args]))

    def argument(self, number):
        return node(self.arguments[number - 1])

    def constant_argument(self, number):
        return self.arguments[number - 1] if number in self.known else None

    def maximum(self, number):
        return self._maximum.get(number, self.arguments[number - 1])

    def is_null(self, number):
        return self.arguments[number - 1] == 0

    def memory(self, number, size):
        return Node(8 * size, int.from_bytes(self._memory[number][:size], "little"))

    def input(self, name):
        return node(self._inputs[name])

    def call_number(self):
        return node(self._number)


positions = st.tuples(
    st.integers(0, 63).map(lambda n: 4 * n),
    st.integers(LOWEST_START + LONGEST_METADATA, 200) | st.integers(LOWEST_START, 0),
    st.integers(SHORTEST_FRAME, 600) | st.integers(HIGHEST_END - 800, HIGHEST_END - 200),
    st.sampled_from((0, 10, 300)),
).map(lambda t: (max(LOWEST_START, t[1] - t[0]), t[1], t[1] + t[2], t[1] + t[2] - t[3]))
distances = st.one_of(
    st.integers(-80, 80),
    st.integers(-4000, 4000),
    st.sampled_from((-(1 << 31), (1 << 31) - 1, 0x12345678_00000004)),
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from((XdpAdjustHead(), XdpAdjustMeta(), XdpAdjustTail())), positions, distances, st.booleans())
def test_moving_an_end_is_the_same_in_dataflow(helper, ends, distance, constant):
    arguments = [0, distance & U64]
    machine, frame = Machine(int, *ends), LoweredFrame(node, *ends)
    expected = helper.reference(machine, arguments)
    result = helper.lower(Call(arguments, {2} if constant else set(), frame))
    assert result == node(expected)
    assert [signed(n) for n in (frame.data_meta, frame.data, frame.data_end)] == [
        machine.data_meta,
        machine.data,
        machine.data_end,
    ]
    end = machine.data_end + BASE
    if ends[2] == ends[3]:  # then bytes behind the original end are zero, which this frame does not show
        end = min(end, ends[2] + BASE)
    start = machine.data_meta + BASE
    assert frame.bytes[start:end] == machine.bytes[start:end]
    assert signed(frame.limit) <= signed(frame.data_end)


buffers = st.binary(max_size=24) | st.sampled_from((bytes(8), b"\xff" * 8, b"\xff\xff\0\0\0\0\xff\xff"))
seeds = st.sampled_from((0, 1, 0xFFFFFFFF, 0xFFFF)) | st.integers(0, U64)


@settings(deadline=None, max_examples=200)
@given(buffers, buffers, seeds, st.sets(st.sampled_from((2, 4))), st.integers(0, 9))
@example(b"", b"\xff" * 8, 1, set(), 0)  # the carries of the sum, added back in, carry once more
def test_checksum_difference_is_the_same_in_dataflow(old, new, seed, known, slack):
    """Sizes that are known, and sizes with ``slack`` bytes of other data behind them."""
    arguments = [1, len(old), 3, len(new), seed]
    memory = {1: old, 3: new}
    machine = Machine(int, 0, 0, 64, 64)
    machine.memory = memory
    behind = b"\xa5" * slack
    maximum = {n: arguments[n - 1] + (0 if n in known else slack) for n in (2, 4)}
    call = Call(arguments, known, memory={1: old + behind, 3: new + behind}, maximum=maximum)
    assert CsumDiff().lower(call) == node(CsumDiff().reference(machine, arguments))


@given(st.integers(0, U64), st.integers(0, 5))
def test_random_numbers_are_the_same_in_dataflow(frame_index, number):
    call = Call([], set(), inputs={"frame_index": frame_index}, number=number)
    assert GetPrandomU32().lower(call) == node(mix(frame_index, number))


def test_random_numbers_of_consecutive_frames_fill_the_range_evenly():
    numbers = [mix(frame, call) for frame in range(4096) for call in range(2)]
    assert len(set(numbers)) > 0.99 * len(numbers)
    for bit in range(32):
        ones = sum(number >> bit & 1 for number in numbers)
        assert 0.4 < ones / len(numbers) < 0.6, f"bit {bit}"


@given(st.integers(0, U64), st.sampled_from((0, 1, 1 << 63)))
def test_redirect_is_the_same_in_dataflow(target, flags):
    machine = Machine(int, 0, 0, 64, 64)
    call = Call([target, flags], set())
    expected = Redirect().reference(machine, [target, flags])
    assert Redirect().lower(call) == node(expected)
    assert call.redirect.value == (machine.redirect or 0)


KTIME_GET_NS, KTIME_GET_BOOT_NS, KTIME_GET_COARSE_NS = 5, 125, 160


@given(st.integers(0, U64) | st.integers(0, 1 << 40))
def test_clocks_are_functions_of_the_arrival_time_in_dataflow_too(time_ns):
    machine = Machine(int, 0, 0, 64, 64)
    machine.time_ns = time_ns
    call = Call([], set(), inputs={"time_ns": time_ns})
    for number in (KTIME_GET_NS, KTIME_GET_BOOT_NS, KTIME_GET_COARSE_NS):
        assert HELPERS[number].lower(call) == node(HELPERS[number].reference(machine, [])) == node(time_ns)
    jiffies = Jiffies64().reference(machine, [])
    assert Jiffies64().lower(call) == node(jiffies)
    assert 0 <= time_ns - 4_000_000 * jiffies < 4_000_000
    assert jiffies <= Jiffies64().outcomes()[0].high


@given(positions)
def test_length_of_the_frame_is_the_same_in_dataflow(ends):
    machine, frame = Machine(int, *ends), LoweredFrame(node, *ends)
    length = XdpGetBuffLen().reference(machine, [0])
    assert XdpGetBuffLen().lower(Call([0], set(), frame)) == node(length)
    assert XdpGetBuffLen().outcomes()[0].low <= length <= XdpGetBuffLen().outcomes()[0].high


@pytest.mark.parametrize("helper", HELPERS.values(), ids=lambda helper: helper.name)
def test_declarations_are_complete(helper):
    assert helper.name.startswith("bpf_")
    assert helper.summary and "\n" not in helper.summary
    assert len(helper.args) <= 5
    assert all(outcome.low <= outcome.high for outcome in helper.outcomes())


def test_checksum_of_a_known_header():
    """The IPv4 header of RFC 1071's usual example: the checksum field makes the sum 0xffff."""
    header = struct.pack(">10H", 0x4500, 0x73, 0, 0x4000, 0x4011, 0xB861, 0xC0A8, 1, 0xC0A8, 0xC7)
    machine = Machine(int, 0, 0, 64, 64)
    machine.memory = {1: b"", 3: header}
    assert CsumDiff().reference(machine, [0, 0, 3, 20, 0]) == 0xFFFF
