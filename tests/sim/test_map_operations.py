"""Random operations on every map type, by frames and by the host in turns: hardware and Linux agree on every one.

In each turn come operations of the host, frames back to back, and operations of the host again.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from c_programs import needs_clang, needs_headers
from hardpath.hdl.maps.broadcast import interfaces
from hardpath.hdl.maps.linux import BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS
from hardpath.hdl.maps.lpm_range_unit import LpmRangeUnit
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim.linux import LOOPBACK, LinuxOracle, available
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session, engine
from hardpath.sim.stepping import Device
from hardpath.sim.toolchain import has_compiler
from map_programs import CASES, REDIRECT, Operations, on_hardware, on_linux, session

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

SENT = (Verdict.PASS, Verdict.TX, Verdict.REDIRECT)
OPERATIONS = 50_000


class Turns:
    """Hardware and Linux, to which the same is done."""

    def __init__(self, made: Session, device: Device, linux: LinuxOracle, operations: Operations) -> None:
        self.device, self.linux, self.operations = device, linux, operations
        self.specs = made.maps
        self.seen: set[object] = set()
        spec = self.specs["m"]
        self._targets = MAP_TYPES[spec.type].model(spec) if operations.case.body == REDIRECT else None

    def by_the_host(self, count: int) -> None:
        for _ in range(count if self.operations.case.maps else 0):
            operation, name, key, value, flags = self.operations.of_the_host()
            spec = self.specs[name]
            got = on_hardware(self.device.bus.client.maps[name], operation, key, value, flags, spec)
            assert got == on_linux(self.linux, name, operation, key, value, flags, spec), (operation, name, key, flags)
            self.seen.add((operation, got if isinstance(got, int) else got is None))
            if self._targets is not None and operation != "lookup":
                change = (key, value, flags) if operation == "update" else (key,)
                assert getattr(self._targets, operation)(*change) == got

    def by_frames(self, count: int) -> None:
        sent = [self.operations.frame() for _ in range(count)]
        first = self.device.arrive(sent[0], 0)
        for frame in sent[1:]:
            self.device.arrive(frame, 0)
        passages = self.device.drain().frames
        told = [(index - first, event) for index, event in self.device.events()]
        expected = []
        for number, (frame, got) in enumerate(zip(sent, passages, strict=True)):
            wanted = self.linux.run(frame.data)
            expected += [(number, event) for event in self.linux.events]
            assert (got.index, got.verdict) == (first + number, wanted.verdict), frame.data.hex()
            assert got.out == (wanted.frame if wanted.verdict in SENT else b""), frame.data.hex()
            if wanted.verdict is Verdict.REDIRECT:
                assert got.targets == self._wanted_targets(frame.data), frame.data.hex()
            self.seen.add((wanted.verdict, wanted.frame[8], wanted.frame[9], wanted.frame[20:] != frame.data[20:]))
        assert told == expected

    def _wanted_targets(self, frame: bytes) -> tuple[int, ...]:
        """Linux does not tell: the reference knows."""
        assert self._targets is not None
        if not frame[10] & BPF_F_BROADCAST:
            target = self._targets.redirect(int.from_bytes(frame[12:16], "little"))
            assert target is not None
            return (target,)
        excluded = LOOPBACK if frame[10] & BPF_F_EXCLUDE_INGRESS else None
        return tuple(each for each in interfaces(self._targets) if each != excluded)

    def compare_contents(self) -> None:
        wanted = self.linux.maps()
        for name, found in self.device.bus.client.maps.items():
            assert dict(found.items()) == wanted[name], name


def take_turns(name: str, folder: Path, turns: int, frames: int, by_host: int) -> None:
    case = CASES[name]
    made = session(case, folder)
    if case.ii > 1:
        fast = made.design.with_interval(1).pipeline
        unit, longer = made.design.pipeline._units["m"], made.design.pipeline.holds["m"] > fast.holds["m"]
        assert longer or isinstance(unit, LpmRangeUnit), "the map's hardware is none that takes its time"
    operations = Operations(case, made.maps, random.Random(name))
    with (
        made.stepping(engine("verilator")) as device,
        LinuxOracle(made.design.program, made.maps) as linux,
    ):
        device.port(LOOPBACK, 1 << 30)
        both = Turns(made, device, linux, operations)
        for _ in range(turns):
            operations.begin()
            both.by_the_host(by_host)
            both.by_frames(frames)
            both.by_the_host(by_host)
            both.compare_contents()
    assert len(both.seen) > 5  # several results of several operations


@pytest.mark.parametrize("name", ["hash_lock", "lpm_trie", "lpm_ranges", "queue"])
def test_hardware_and_linux_agree_on_every_operation(name: str, tmp_path: Path) -> None:
    take_turns(name, tmp_path, 3, 200, 40)


def test_every_map_type_has_its_operations() -> None:
    types = {plugin.name for plugin in MAP_TYPES.values()}
    assert {case.kind.lower() for case in CASES.values()} == types


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_hardware_and_linux_agree_on_fifty_thousand_operations(name: str, tmp_path: Path) -> None:
    turns, by_host = 50, 200 if CASES[name].host is None else CASES[name].host
    by_host = by_host if CASES[name].maps else 0
    take_turns(name, tmp_path, turns, OPERATIONS // turns - 2 * by_host, by_host)
