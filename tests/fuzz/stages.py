"""How far along the tool chain a fuzzed program is taken: each stage gives a `Record` of the frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, Graph, build
from hardpath.codegen.graph.legal import check as check_graph
from hardpath.codegen.passes import run_passes
from hardpath.codegen.schedule import check, schedule
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.target import Target
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Record, record
from hardpath.sim.engine import Bus, Netlist
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle
from hardpath.sim.results import FrameResult, Verdict
from hardpath.sim.verilator_engine import VerilatorEngine

Maps = Mapping[str, MapSpec]
Stage = Callable[[ProgramSpec, Maps, Sequence[bytes]], Record]


def linux(program: ProgramSpec, maps: Maps, frames: Sequence[bytes]) -> Record:
    """The truth."""
    with LinuxOracle(program, maps) as oracle:
        return record("Linux", oracle, frames)


def interpreter(program: ProgramSpec, maps: Maps, frames: Sequence[bytes]) -> Record:
    """The reference interpreter, which knows nothing of hardware."""
    return record("interpreter", Interpreter(program, maps), frames)


def graph(program: ProgramSpec, maps: Maps, frames: Sequence[bytes]) -> Record:
    """The dataflow graph as it is built."""
    return _evaluate("graph", build(verify(program, maps)), maps, frames)


def passes(program: ProgramSpec, maps: Maps, frames: Sequence[bytes]) -> Record:
    """The graph after all passes, with a schedule that its checker accepts."""
    target = Target()
    small = run_passes(build(verify(program, maps), width=target.width), target, between=_legal)
    check(small, schedule(small, target), target)
    return _evaluate("passes", small, maps, frames)


def _legal(_name: str, between: Graph) -> None:
    check_graph(between)


def _evaluate(name: str, program: Graph, maps: Maps, frames: Sequence[bytes]) -> Record:
    evaluator = Evaluator(program, maps)
    results = []
    for index, frame in enumerate(frames):
        result = evaluator.run(frame, frame_index=index)
        verdict = Verdict(result.verdict)
        redirect = result.redirect if verdict == Verdict.REDIRECT else None
        results.append(FrameResult(index, verdict, result.frame, redirect))
    return Record(name, results, {name: dict(model.items()) for name, model in evaluator.models.items()})


def netlist(program: ProgramSpec, maps: Maps, frames: Sequence[bytes]) -> Record:
    """The Verilog, compiled and run back to back; maps are read over the control bus."""
    target = Target()
    design = compile_program(ObjectSpec(program.name, (program,), maps), program, target)
    contents: dict[str, dict[bytes, bytes]] = {}

    def read_maps(bus: Bus) -> None:
        contents.update({name: dict(each.items()) for name, each in bus.client.maps.items()})

    hardware = Netlist(design.verilog, target.width, target.max_frame, target.clock_mhz)
    inputs = [Frame(data) for data in frames]
    return Record("netlist", VerilatorEngine().results(hardware, inputs, teardown=read_maps), contents)


STAGES: Mapping[str, Stage] = {
    "interpreter": interpreter,
    "graph": graph,
    "passes": passes,
    "netlist": netlist,
}
