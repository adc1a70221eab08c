"""Frames back to back, all about the same entries: exact, nothing lost, nothing reordered, stalls as reported."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from c_programs import needs_clang, needs_headers
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.lru_hash import Roomy
from hardpath.hdl.maps.table import Table
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Bus, Options
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler
from map_programs import CASES, Case, session

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

COUNT, UPDATE, DELETE = 0, 1, 2
NOEXIST = 1
LRU_HASH, LPM_TRIE = 9, 11
STORMS = ("one_key", "two_keys", "colliding_keys", "insert_and_delete")
MAPS = ("hash", "patient_hash", "lru_hash", "patient_lru_hash", "lpm_trie", "array_of_maps")
CODES = {
    "one_key": [COUNT],
    "two_keys": [COUNT],
    "colliding_keys": [COUNT, COUNT, UPDATE, DELETE],
    "insert_and_delete": [UPDATE, DELETE, COUNT, UPDATE, COUNT, DELETE, DELETE],
}


@dataclass(frozen=True)
class Stormy:
    """A program in hardware. ``keyed``: the map that has the keys."""

    case: Case
    session: Session

    @property
    def keyed(self) -> MapSpec:
        return self.session.maps[self.case.maps[-1]]


def colliding(spec: MapSpec) -> list[bytes]:
    """More than the two buckets of a hash map have slots for, so that some overflow; prefixes of each other in a
    trie."""
    rng = random.Random(7)
    if spec.type == LPM_TRIE:
        longest, data = 8 * spec.key_size - 32, bytes(spec.key_size - 4)
        return [(longest - shorter).to_bytes(4, "little") + data for shorter in range(spec.max_entries)]
    table = Table.of(Roomy.of(spec) if spec.type == LRU_HASH else spec)
    found: list[bytes] = []
    while len(found) < 2 * table.ways + 4:
        key = rng.getrandbits(8 * spec.key_size)
        if table.bucket(0, key) == table.bucket(1, key) == 1:
            found.append(key.to_bytes(spec.key_size, "little"))
    return found


def frames(storm: str, stormy: Stormy, count: int) -> Iterator[Frame]:
    """Of one kind of storm. In a map of maps frames alternate between two inner maps, but for one key."""
    rng, spec, codes = random.Random(storm), stormy.keyed, CODES[storm]
    whole = 8 * spec.key_size - 32
    one, other = bytes(spec.key_size), rng.randbytes(spec.key_size)
    if spec.type == LPM_TRIE:
        one, other = (whole.to_bytes(4, "little") + key[4:] for key in (one, other))
    keys = {"two_keys": [one, other], "colliding_keys": colliding(spec)}.get(storm, [one])
    for number in range(count):
        key = keys[number % len(keys)] if len(keys) < 3 else rng.choice(keys)
        code = UPDATE if number < 2 * len(keys) and len(codes) == 1 else codes[number % len(codes)]
        which = 0 if storm == "one_key" else 2 * (number // len(keys) % 2)
        head = bytes(8) + bytes((code, 0xEE, NOEXIST if code == UPDATE else 0, which))
        yield Frame((head + key + rng.randbytes(12)).ljust(40, b"\0"))


@pytest.fixture(scope="module")
def stormy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stormy:
    case = CASES[request.param]
    return Stormy(case, session(case, tmp_path_factory.mktemp("storm")))


def most_cycles(storm: str, stormy: Stormy, count: int) -> float:
    """That a frame may take, on average: what the report says; where it promises nothing, a walk over all slots."""
    design, spec = stormy.session.design, stormy.keyed
    if storm == "colliding_keys" and spec.type != LPM_TRIE:
        slots = Table.of(Roomy.of(spec) if spec.type == LRU_HASH else spec).slots
        return 3 if stormy.case is CASES["hash"] else design.worst_cycles + slots
    if CODES[storm] == [COUNT] and stormy.case.ii == 1:  # the first four frames insert
        return 1 + 4 * design.worst_cycles / count
    return design.worst_cycles


def weather(storm: str, stormy: Stormy, count: int, folder: Path) -> None:
    made = stormy.session
    sent, contents = list(frames(storm, stormy, count)), dict[str, dict[bytes, bytes]]()

    def after(bus: Bus) -> None:
        contents.update(made.contents_on(bus))

    result = engine("verilator").run(made.netlist, sent, Options(frames_out=folder / "frames.jsonl"), None, after)
    with LinuxOracle(made.design.program, made.maps) as linux:
        number = -1
        for number, got in enumerate(result.results()):
            assert got.out == linux.run(sent[number].data).frame, f"frame {number}"
        assert number == len(sent) - 1
        assert contents == linux.maps()
    assert result.cycles_per_frame is not None
    assert 1 <= result.cycles_per_frame <= most_cycles(storm, stormy, count)
    reported = max((hazard.cost for hazard in made.design.pipeline.hazards), default=0)
    if storm != "colliding_keys" or stormy.keyed.type == LPM_TRIE:  # hash maps: no key overflows
        waited, held = (
            sum(cycles for cause, cycles in result.stalls.items() if cause.endswith(kind))
            for kind in (" interlock", " unit")
        )
        assert held <= made.design.pipeline.frame_hold * len(sent)
        # While a unit holds a frame, others wait for it: just that long more than reported.
        assert waited <= reported * len(sent) + held


@pytest.mark.slow
@pytest.mark.parametrize("stormy", MAPS, indirect=True, scope="module")
@pytest.mark.parametrize("storm", STORMS)
def test_a_hundred_thousand_conflicts_at_line_rate_are_those_of_linux(
    storm: str, stormy: Stormy, tmp_path: Path
) -> None:
    weather(storm, stormy, 100_000, tmp_path)


@pytest.mark.parametrize("stormy", ["array_of_maps"], indirect=True, scope="module")
def test_conflicts_inside_the_maps_of_a_map_are_those_of_linux(stormy: Stormy, tmp_path: Path) -> None:
    for storm in STORMS:
        weather(storm, stormy, 300, tmp_path)
