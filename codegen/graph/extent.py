"""How much of the frame a program touches: the window's size and the headroom, from verification's facts.

The window holds what the program writes and what it reads near the front. Loads that may reach further do not make it
larger: they go to the frame store (`hdl.frame_store`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...hdl.errors import Refused
from ...hdl.helpers.base import SIZED, U32_BYTES, Arg, HelperPlugin
from ...hdl.helpers.xdp_limits import HIGHEST_END
from ..isa import Instruction
from ..spec import MapSpec
from ..verify.result import AbstractValue, Kind, Mixed, Point, Pointer, Scalar, VerifiedProgram

HEADROOM = 256
"""XDP_PACKET_HEADROOM of include/uapi/linux/bpf.h."""

NEAR = 256
"""Bytes of the frame's front that loads may bring into the window: all usual headers, without options gone wild."""

WINDOW_KINDS = (Kind.PACKET, Kind.PACKET_META, Kind.MEMORY)
"""Pointers whose bytes are in the window: those into the frame, or into the memory of a raw program."""


@dataclass(frozen=True, slots=True)
class Extent:
    """``window``: bytes from the frame's start, a multiple of the beat width. ``headroom``: bytes in front of it.
    ``reach``: where the longest frame that the program may ever see ends, in bytes.
    """

    window: int
    headroom: int
    reach: int

    @staticmethod
    def of(
        verified: VerifiedProgram, helpers: Mapping[int, HelperPlugin], width: int, max_window: int, max_frame: int
    ) -> Extent:
        """Cover every access of the program. Raises `Refused` when the window would be larger than allowed.

        Accesses are proven to lie inside the frame, so none gets behind the longest one.
        """
        reach = max(max_frame, HIGHEST_END) if _moves_tail(verified, helpers) else max_frame
        stored = verified.program.type != "raw"
        first, last = 0, 1
        room = any(_makes_room(verified, point, helpers) for point in verified.points)
        back = any(_moves_back(verified, point, helpers) for point in verified.points)
        for point in verified.points:
            first = min(first, point.head[0])
            touched = list(_touched(verified, point, helpers))
            if room and point.metadata is not None and verified.program.instructions[point.slot].is_call:
                # It moves with the head, over bytes of the frame that come out if the head moves back again.
                touched.append((point.metadata, point.head[1] if back else 0))
            for low, end in touched:
                end = min(end, reach)
                first = min(first, low)
                if stored and end > NEAR and verified.program.instructions[point.slot].is_load:
                    continue
                last = max(last, end)
                if end > max_window:
                    raise Refused(
                        f"this access may reach byte {end} of the frame, and a window has {max_window} bytes at most",
                        "bound the offset more tightly before the access, or allow a larger window (--max-window)",
                        verified.program.place(point.slot),
                    )
        return Extent(-(-last // width) * width, min(-first, HEADROOM), reach)


def _moves_tail(verified: VerifiedProgram, helpers: Mapping[int, HelperPlugin]) -> bool:
    """Whether the program calls a helper that changes the frame but never its head or metadata: it moves the end."""
    called = [helpers[number] for number in verified.program.helpers if number in helpers]
    changing = [helper for helper in called if helper.changes_frame]
    return any(not any(o.moves_head or o.moves_meta for o in helper.outcomes()) for helper in changing)


def _makes_room(verified: VerifiedProgram, point: Point, helpers: Mapping[int, HelperPlugin]) -> bool:
    """Whether this may give the frame metadata."""
    i = verified.program.instructions[point.slot]
    return i.is_helper_call and any(o.moves_meta and not o.moves_head for o in helpers[i.imm].outcomes())


def _moves_back(verified: VerifiedProgram, point: Point, helpers: Mapping[int, HelperPlugin]) -> bool:
    """Whether this may move data start towards the front."""
    i = verified.program.instructions[point.slot]
    if not i.is_helper_call or not any(outcome.moves_head for outcome in helpers[i.imm].outcomes()):
        return False
    distance = point.registers[2]
    if not isinstance(distance, Scalar):
        return True
    if distance.constant is not None:
        return bool(distance.constant & 1 << 31)
    return distance.umax >= 1 << 31


def _touched(verified: VerifiedProgram, point: Point, helpers: Mapping[int, HelperPlugin]) -> Iterator[tuple[int, int]]:
    i: Instruction = verified.program.instructions[point.slot]
    if i.is_load:
        yield from _frame_ranges(point.registers.get(i.src), i.offset, i.size)
    elif i.is_store or i.is_atomic:
        yield from _frame_ranges(point.registers.get(i.dst), i.offset, i.size)
        if i.is_atomic:
            yield from _frame_ranges(point.registers.get(i.src), i.offset, i.size)
    elif i.is_helper_call:
        helper = helpers[i.imm]
        for number, kind in enumerate(helper.args, 1):
            if kind in SIZED or kind is Arg.INOUT_U32:
                size = U32_BYTES if kind is Arg.INOUT_U32 else _largest(point, number + 1)
                yield from _frame_ranges(point.registers.get(number), 0, size)
            elif kind is Arg.FRAME_OFFSET and point.head[0] + _smallest(point, number) < HIGHEST_END:
                # The memory argument and its size are behind it. A call that is sure to fail touches nothing.
                yield point.head[0], point.head[1] + _largest(point, number) + _largest(point, number + 2)
            elif kind in (Arg.MAP_KEY, Arg.MAP_VALUE, Arg.OUT_VALUE):
                for shape in _map_argument(verified, point, helper):
                    size = shape.key_size if kind is Arg.MAP_KEY else shape.value_size
                    yield from _frame_ranges(point.registers.get(number), 0, size)


def _largest(point: Point, number: int) -> int:
    """The largest value of a number argument."""
    fact = point.registers.get(number)
    return fact.umax if isinstance(fact, Scalar) else 0


def _smallest(point: Point, number: int) -> int:
    """The smallest value of a number argument."""
    fact = point.registers.get(number)
    return fact.umin if isinstance(fact, Scalar) else 0


def _map_argument(verified: VerifiedProgram, point: Point, helper: HelperPlugin) -> Iterator[MapSpec]:
    """The maps that the MAP argument can be."""
    fact = point.registers[1 + helper.args.index(Arg.MAP)]
    for part in fact.alternatives if isinstance(fact, Mixed) else (fact,):
        assert isinstance(part, Pointer) and part.map is not None
        yield verified.maps[part.map]


def _frame_ranges(fact: AbstractValue | None, displacement: int, size: int) -> Iterator[tuple[int, int]]:
    for part in fact.alternatives if isinstance(fact, Mixed) else (fact,):
        if isinstance(part, Pointer) and part.kind in WINDOW_KINDS:
            low = part.offset.smin + displacement
            yield low, part.offset.smax + displacement + size
