"""The promise, as tests ask for it: Linux, the interpreter, graphs and hardware agree on every frame and every map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from hardpath.codegen.graph import Evaluator, Graph, build
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.sim import linux
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Input, Record, compare
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle
from hardpath.sim.mapfile import Contents
from hardpath.sim.results import Outcome, Verdict
from hardpath.sim.session import Session, engine


def agree(session: Session, frames: Sequence[Frame]) -> Record:
    """What the hardware made of the frames, back to back, which is what the others make of them: Linux too, where it
    is allowed, which then must have all that the program needs."""
    hardware = session.hardware(engine("verilator"), frames)
    source = Input(session.design.program, session.maps, [frame.data for frame in frames], session.contents)
    oracles = [session.interpreter(frames)]
    if linux.available() is None:
        assert session.without_linux(frames) is None
        oracles.append(session.linux(frames))
    for oracle in oracles:
        assert hardware.maps.keys() == oracle.maps.keys()
        difference = compare(hardware, oracle, source)
        assert difference is None, str(difference)
    return hardware


class Trio:
    """A program in Linux, in the interpreter and as a graph, which all see the same."""

    def __init__(self, program: ProgramSpec, maps: Mapping[str, MapSpec], linux: LinuxOracle, graph: Graph) -> None:
        self.linux, self.interpreter, self.graph = linux, Interpreter(program, maps), Evaluator(graph, maps)

    def fill(self, contents: Contents) -> None:
        """Put entries into maps, those that the graph has not left out."""
        for name, entries in contents.items():
            for key, value in entries.items():
                self.linux.set_map(name, key, value)
                self.interpreter.set_map(name, key, value)
                if name in self.graph.models:
                    assert self.graph.models[name].update(key, value, 0) == 0

    def run(self, frame: bytes, ifindex: int = 1) -> Outcome:
        """What all of them make of a frame; the graph may keep what becomes of one that is not sent to itself."""
        expected, interpreted, made = (
            each.run(frame, ifindex=ifindex) for each in (self.linux, self.interpreter, self.graph)
        )
        assert interpreted.verdict == expected.verdict == made.verdict, frame.hex()
        assert interpreted.frame == expected.frame, frame.hex()
        assert made.frame == expected.frame or (made.frame is None and not expected.verdict.sends), frame.hex()
        if expected.verdict == Verdict.REDIRECT:
            assert made.redirect == interpreted.redirect, frame.hex()
        return interpreted

    def assert_maps(self) -> None:
        """What is in the maps; the graph leaves out those that the program does not reach."""
        after = self.linux.maps()
        assert self.interpreter.maps() == after
        models = {name: dict(model.items()) for name, model in self.graph.models.items()}
        assert models == {name: after[name] for name in models}


@contextmanager
def trio(program: ProgramSpec, maps: Mapping[str, MapSpec], graph: Graph | None = None) -> Iterator[Trio]:
    """A `Trio`, whose maps are the same at the end. ``graph``: by default, as the program becomes one."""
    with LinuxOracle(program, maps) as oracle:
        found = Trio(program, maps, oracle, graph or build(verify(program, maps)))
        yield found
        found.assert_maps()
