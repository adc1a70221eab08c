"""How far along the tool chain a case is taken: each stage gives a `Record` of the frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from case import Case
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, Graph, build
from hardpath.codegen.graph.legal import check as check_graph
from hardpath.codegen.passes import run_passes
from hardpath.codegen.schedule import schedule
from hardpath.codegen.spec import ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Record, fill, record
from hardpath.sim.events import by_channel
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle
from hardpath.sim.results import FrameResult, Verdict
from hardpath.sim.session import Session
from hardpath.sim.verilator_engine import VerilatorEngine
from map_kinds import buffers

Stage = Callable[[Case], Record]


def linux(case: Case) -> Record:
    """The truth."""
    with LinuxOracle(case.program, case.maps) as oracle:
        fill(oracle, case.contents)
        return record("Linux", oracle, case.frames, buffers(case.maps))


def interpreter(case: Case, executed: set[int] | None = None) -> Record:
    """The reference interpreter, which knows nothing of hardware. ``executed`` gets the slots that frames reach."""
    oracle = Interpreter(case.program, case.maps)
    fill(oracle, case.contents)
    made = record("interpreter", oracle, case.frames, buffers(case.maps))
    if executed is not None:
        executed |= oracle.executed
    return made


def truth(case: Case, interpreted: Record) -> Record:
    """What Linux says, with the redirect targets, which it does not tell, from the interpreter."""
    said = linux(case)
    results = zip(said.results, interpreted.results, strict=True)
    return replace(said, results=[replace(ours, redirect=theirs.redirect) for ours, theirs in results])


def graph(case: Case) -> Record:
    """The dataflow graph as it is built."""
    return _evaluate("graph", build(verify(case.program, case.maps)), case)


def passes(case: Case) -> Record:
    """The graph after all passes, with a schedule that its checker accepts."""
    target = case.target
    small = run_passes(build(verify(case.program, case.maps), width=target.width), target, between=_legal)
    schedule(small, target)  # checks what it makes
    return _evaluate("passes", small, case)


def _legal(_name: str, between: Graph) -> None:
    check_graph(between)


def _evaluate(name: str, program: Graph, case: Case) -> Record:
    evaluator = Evaluator(program, case.maps)
    for of, entries in case.contents.items():
        for key, value in entries.items():
            if of in evaluator.models:
                evaluator.models[of].update(key, value, 0)
    results, events = [], []
    for index, frame in enumerate(case.frames):
        result = evaluator.run(frame, frame_index=index)
        verdict = Verdict(result.verdict)
        redirect = result.redirect if verdict == Verdict.REDIRECT else None
        results.append(FrameResult(index, verdict, result.frame, redirect))
        events += [(index, event) for event in result.events]
    contents = {name: dict(model.items()) for name, model in evaluator.models.items()}
    return Record(name, results, contents, by_channel(buffers(case.maps), events))


def netlist(case: Case) -> Record:
    """The Verilog, compiled and run; maps are written and read over the control bus."""
    design = compile_program(ObjectSpec(case.program.name, (case.program,), case.maps), case.program, case.target)
    contents = {name: entries for name, entries in case.contents.items() if name in design.maps}
    return Session(design, contents).hardware(VerilatorEngine(), [Frame(data) for data in case.frames], case.options)


STAGES: Mapping[str, Stage] = {
    "interpreter": interpreter,
    "graph": graph,
    "passes": passes,
    "netlist": netlist,
}
