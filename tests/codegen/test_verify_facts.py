"""Facts hold: programs are run on frames, and at every point the registers are what verification said."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from generator import generate
from hardpath.codegen.elf import load
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.codegen.verify.number import M64, signed
from hardpath.codegen.verify.result import (
    AbstractValue,
    Kind,
    Mixed,
    Point,
    Pointer,
    Scalar,
    Successor,
    VerifiedProgram,
)
from hardpath.hdl.helpers.base import CallingHelper
from hardpath.hdl.helpers.registry import HELPERS
from hardpath.sim import interpreter
from hardpath.sim.memory import Stack
from hardpath.sim.processor import CODE, Processor

ROOT = Path(__file__).parents[2]
FRAMES = 12


def in_scalar(x: int, s: Scalar) -> bool:
    return x & ~s.mask & M64 == s.value and s.umin <= x <= s.umax and s.smin <= signed(x) <= s.smax


class Checked(Processor):
    """A processor that follows the points of a verified program."""

    verified: VerifiedProgram

    point: Point

    def _execute(self) -> int:
        machine = self._environment
        assert isinstance(machine, interpreter._Machine)
        called_back = bool(self._calls)  # by a helper, from the point where that is called
        self.point = self.side(True) if called_back else self.verified.points[0]
        while True:
            point = self.point
            assert point.slot == self.slot
            assert point.frame == len(self._calls)
            assert point.head[0] <= machine.data <= point.head[1]
            for register, fact in point.registers.items():
                value = self._registers[register]
                assert value is not None and self.holds(value, fact), f"r{register} = {value:#x}: {fact} at {point}"
            i = self.program.instructions[self.slot]
            before = self.slot
            following = self._by_class[i.cls](i)
            if following < 0:
                if called_back:
                    self.point = self.side(bool(self._get(0)))
                else:
                    assert not point.successors
                return self._get(0)
            self.slot = following
            if i.is_helper_call and isinstance(HELPERS[i.imm], CallingHelper):
                if self.point.slot == before:
                    self.point = self.side(False)
                continue
            taken = (following == before + 1 + i.offset) if i.is_conditional and i.offset else None
            self.point = self.follow(point, following, taken)

    def side(self, taken: bool) -> Point:
        """The point on one side of a call of a function by a helper, or of the end of that function."""
        found = [s.point for s in self.point.successors if s.taken is taken]
        assert len(found) == 1, f"no edge {taken} from {self.point}"
        return self.verified.points[found[0]]

    def follow(self, point: Point, slot: int, taken: bool | None) -> Point:
        def fits(successor: Successor) -> bool:
            is_slot = self.verified.points[successor.point].slot == slot
            return is_slot and (taken is None or successor.taken in (None, taken))

        found = {s.point for s in point.successors if fits(s)}
        assert len(found) == 1, f"no edge to slot {slot} from {point}"
        return self.verified.points[found.pop()]

    def holds(self, value: int, fact: AbstractValue) -> bool:
        if isinstance(fact, Mixed):
            return any(self.holds(value, alternative) for alternative in fact.alternatives)
        if isinstance(fact, Scalar):
            return in_scalar(value, fact)
        if not value:
            return fact.maybe_null
        return self.points_to(value, fact)

    def points_to(self, value: int, fact: Pointer) -> bool:
        machine = self._environment
        assert isinstance(machine, interpreter._Machine)
        if fact.kind == Kind.MAP:
            return machine._maps[fact.map or ""].handle == value
        if fact.kind == Kind.FUNCTION:
            return in_scalar(value - CODE, fact.offset)
        region, offset = self._memory.locate(value)
        match fact.kind:
            case Kind.PACKET_END:
                return region is machine.frame and offset - interpreter.HEADROOM == machine.data_end
            case Kind.PACKET | Kind.PACKET_META:
                base, there = interpreter.HEADROOM, region is machine.frame
            case Kind.STACK:
                base, there = Stack.SIZE, region.name.endswith(f"depth {fact.frame}")
            case Kind.MAP_VALUE:
                base, there = 0, isinstance(region, interpreter._Value) and region._owner.spec.name == fact.map
            case Kind.RECORD:
                base, there = 0, region.name == f"a record of {fact.map}"
            case Kind.MAP_KEY:
                base, there = 0, region.name == "a key" and int.from_bytes(region.data, "little") == fact.frame
            case _:
                base, there = 0, isinstance(region, interpreter._Context)
        return there and in_scalar(offset - base & M64, fact.offset)


def frames(rng: random.Random, captures: Sequence[bytes] = ()) -> list[bytes]:
    """Random frames and damaged copies of given ones."""
    result = [rng.randbytes(rng.choice((14, 20, 34, 42, 60, 64, 128))) for _ in range(FRAMES)]
    for frame in captures:
        result += [frame, frame[: rng.randrange(14, max(len(frame), 15))]]
        damaged = bytearray(frame)
        damaged[rng.randrange(len(frame))] = rng.randrange(256)
        result.append(bytes(damaged))
    return result


def check(
    monkeypatch: pytest.MonkeyPatch,
    program: ProgramSpec,
    maps: Mapping[str, MapSpec],
    inputs: Sequence[bytes],
) -> None:
    Checked.verified = verify(program, maps)
    monkeypatch.setattr(interpreter, "Processor", Checked)
    machine = interpreter.Interpreter(program, maps)
    for frame in inputs:
        machine.run(frame)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/*.o")), ids=lambda path: path.stem)
def test_facts_hold_in_the_examples(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scapy.utils import rdpcap

    captures = [bytes(p) for file in sorted(path.parent.glob("*.pcap*")) for p in rdpcap(str(file))]
    specification = load(path)
    for program in specification.programs:
        check(monkeypatch, program, specification.maps, frames(random.Random(path.stem), captures[:100]))


@pytest.mark.parametrize("seed", range(100))
def test_facts_hold_in_random_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    program, maps = generate(seed)
    check(monkeypatch, program, maps, frames(random.Random(seed)))


def test_points_are_in_topological_order() -> None:
    for path in sorted((ROOT / "examples").glob("*/*.o")):
        specification = load(path)
        for program in specification.programs:
            points = verify(program, specification.maps).points
            assert points[0].slot == 0
            assert all(s.point > p.index for p in points for s in p.successors)
            reached = {s.point for p in points for s in p.successors}
            assert reached == set(range(1, len(points)))
