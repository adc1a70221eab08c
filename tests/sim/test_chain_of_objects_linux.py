"""Chains of objects: hardware and oracles against Linux running the members one after the other, frame by frame."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hardpath.codegen.chain_file import load
from hardpath.codegen.elf import select
from hardpath.codegen.flow import compile_program, maps_of
from hardpath.sim.captures import Frame
from hardpath.sim.compare import compare
from hardpath.sim.engine import Options
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session, engine

DATA = Path(__file__).parent.parent / "nic_model" / "data"
MARKS = {number.to_bytes(1): bytes(4) for number in (1, 2, 9)}

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]


@pytest.fixture(scope="module")
def chain():
    return load(DATA / "chain.yaml")


def frames_of(count: int) -> list[bytes]:
    rng = random.Random(count)
    return [rng.randbytes(rng.choice((14, 15, 20, 60, 61, 200))) for _ in range(count)]


class OneByOne:
    """The dispatcher's rules, told here once more, over programs that Linux runs each on its own. Maps go from
    one to the next, as all of them live in one kernel."""

    def __init__(self, spec, members, actions):
        self._members = [(select(spec, name), passes) for name, passes in zip(members, actions, strict=True)]
        self._spec = spec
        self.contents = {name: {} for name in spec.maps if name != "more"}

    def run(self, data):
        for program, passes in self._members:
            maps = maps_of(program, self._spec.maps)
            with LinuxOracle(program, maps) as oracle:
                for name in maps.keys() & self.contents.keys():
                    for key, value in self.contents[name].items():
                        oracle.set_map(name, key, value)
                outcome = oracle.run(data)
                self.contents |= {n: found for n, found in oracle.maps().items() if n in self.contents}
            data = outcome.frame
            if outcome.r0 & 31 not in (*passes, 31):
                return Verdict.of(outcome.r0), data
        return Verdict.PASS, data


def test_members_one_after_the_other_are_the_chain(chain):
    program = select(chain)
    maps = maps_of(program, chain.maps)
    alone = OneByOne(chain, ["first.mark", "second.mark"], [(2, 3), (2,)])
    alone.contents["seen"] = dict(MARKS)
    interpreter = Interpreter(program, maps)
    with LinuxOracle(program, maps) as linux:
        for oracle in (interpreter, linux):
            for key, value in MARKS.items():
                oracle.set_map("seen", key, value)
        seen = set()
        for data in frames_of(300):
            verdict, out = alone.run(data)
            seen.add(verdict)
            for oracle in (interpreter, linux):
                outcome = oracle.run(data)
                assert outcome.verdict == verdict
                if verdict.sends:
                    assert outcome.frame == out
        for oracle in (interpreter, linux):
            contents = {name: found for name, found in oracle.maps().items() if name in alone.contents}
            assert contents == alone.contents
    assert len(seen) == 5
    assert alone.contents["first.counts"] != alone.contents["second.counts"]


def test_the_hardware_does_what_linux_does(chain):
    design = compile_program(chain, select(chain))
    session = Session(design, {"seen": MARKS})
    frames = [Frame(data) for data in frames_of(1000)]
    records = [
        session.linux(frames),
        session.interpreter(frames),
        session.graph(frames),
        session.hardware(engine("verilator"), frames, Options(quick=True)),
    ]
    for record in records[1:]:
        assert compare(records[0], record) is None
    assert len({result.verdict for result in records[0].results}) == 5
