"""How far along the tool chain a fuzzed program is taken: each stage gives a `Record` of the frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.sim.compare import Record, record
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle
from hardpath.sim.results import FrameResult, Verdict

Stage = Callable[[ProgramSpec, Mapping[str, MapSpec], Sequence[bytes]], Record]


def linux(program: ProgramSpec, maps: Mapping[str, MapSpec], frames: Sequence[bytes]) -> Record:
    with LinuxOracle(program, maps) as oracle:
        return record("Linux", oracle, frames)


def interpreter(program: ProgramSpec, maps: Mapping[str, MapSpec], frames: Sequence[bytes]) -> Record:
    return record("interpreter", Interpreter(program, maps), frames)


def graph(program: ProgramSpec, maps: Mapping[str, MapSpec], frames: Sequence[bytes]) -> Record:
    from hardpath.codegen.graph import Evaluator, build
    from hardpath.codegen.verify import verify

    evaluator = Evaluator(build(verify(program, maps)), maps)
    results = []
    for index, frame in enumerate(frames):
        result = evaluator.run(frame, frame_index=index)
        verdict = Verdict(result.verdict)
        redirect = result.redirect if verdict == Verdict.REDIRECT else None
        results.append(FrameResult(index, verdict, result.frame, redirect))
    contents = {name: dict(model.items()) for name, model in evaluator.models.items()}
    return Record("graph", results, contents)


STAGES: Mapping[str, Stage] = {"interpreter": interpreter, "graph": graph}
