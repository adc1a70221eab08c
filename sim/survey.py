"""One program of a corpus through everything: load, Linux's verifier, ours, compilation, comparison.

`enumerate_programs` and `examine` are tasks for `isolated.run_isolated`: they tell facts as they find them, so that a
program that takes too long leaves what is known of it.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..codegen.chain import arrays_of_programs, chained, with_slot
from ..codegen.chain_file import load
from ..codegen.elf import with_bounded_maps
from ..codegen.flow import Design, compile_program, maps_of
from ..codegen.helper_names import helper_name
from ..codegen.map_names import map_type_name
from ..codegen.schedule import report
from ..codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from ..hdl.area import Area, verdict
from ..hdl.errors import HardpathError, InputError, Place, Refused, VerificationError
from ..hdl.helpers.registry import HELPERS
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.target import Target
from . import linux
from .captures import Frame
from .compare import Difference, Input, compare
from .isolated import FAULT, TOO_LARGE, TOO_LONG, Ended, Facts, Tell
from .mapfile import Contents
from .session import Session, engine
from .stimulus import fill_as_taken, find_stimulus


class Outcome(enum.StrEnum):
    """What became of a program. ``UNSAFE``: our verifier refuses it. ``LIMIT``: more time or memory than allowed.
    ``FAULT``: an error in hardpath itself."""

    EXACT = "exact"
    DIFFERENT = "different"
    REFUSED = "refused"
    UNSAFE = "unsafe"
    UNREADABLE = "unreadable"
    LIMIT = "limit"
    FAULT = "fault"


HALF = 0.5
"""What is exact is shown by what was reached; `totals` counts the programs of which less was."""

_CONTENTS = 3  # times that a program is compared, each with other contents of its maps

_ENDED = {TOO_LONG: Outcome.LIMIT, TOO_LARGE: Outcome.LIMIT, FAULT: Outcome.FAULT}


@dataclass(frozen=True)
class Plan:
    """How to examine: ``frames`` frames for each contents of maps, found from ``seed``; hardware for ``target`` with
    ``max_window`` bytes of window, ``zero_stack`` as `compile_program` has it. ``most_entries`` bounds
    maps (`with_bounded_maps`; None: as declared). ``netlist``: compare the Verilog, not only the scheduled graph.
    ``slots``: (map, index, names) for `chain.with_slot`, where an object has that map."""

    target: Target
    max_window: int
    zero_stack: bool
    frames: int
    seed: int
    most_entries: int | None
    netlist: bool
    slots: tuple[tuple[str, int, tuple[str, ...]], ...] = ()

    def load(self, path: str) -> ObjectSpec:
        """An object with slots filled and maps bounded. Raises `InputError`."""
        spec = load(path)
        for name, index, held in self.slots:
            if name in spec.maps:
                spec = with_slot(spec, name, index, held)
        return with_bounded_maps(spec, self.most_entries)


@dataclass(frozen=True)
class Candidate:
    """A program of an object, by its number there."""

    object: str
    number: int
    plan: Plan


def enumerate_programs(path: str, tell: Tell) -> None:
    """Tell the ``programs`` of an object (name, section, type, digest) and the names of its ``maps``, or why it is
    ``unreadable``."""
    try:
        spec = load(path)
    except HardpathError as error:
        tell(_problem(error, spec=None))
        return
    tell({"programs": [_identity(spec, program) for program in spec.programs], "maps": list(spec.maps)})


def _identity(spec: ObjectSpec, program: ProgramSpec) -> Facts:
    used = maps_of(program, spec.maps)
    code = [each.instructions for each in (spec.programs if arrays_of_programs(used) else (program,))]
    text = repr((program.instructions, code, sorted(used.items()), str(program.problem)))
    return {
        "program": program.name,
        "section": program.section,
        "type": program.type,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
    }


def examine(candidate: Candidate, tell: Tell) -> None:
    """Tell everything about one program; ``outcome`` comes last."""
    plan = candidate.plan
    try:
        spec = plan.load(candidate.object)
    except HardpathError as error:
        tell(_problem(error, spec=None))
        return
    program = spec.programs[candidate.number]
    steps = _Steps(tell)
    tell({"instructions": len(program.instructions)})
    try:
        if program.problem is not None:
            raise program.problem
        program = chained(spec, program)
    except HardpathError as error:
        tell(_problem(error, spec))
        return
    maps = maps_of(program, spec.maps)
    tell({"missing": missing(program, maps)})
    steps("Linux")
    tell({"linux": _linux(program, maps)})
    try:
        design = compile_program(
            spec, program, plan.target, max_window=plan.max_window, zero_stack=plan.zero_stack, progress=steps
        )
    except HardpathError as error:
        steps.end()
        tell(_problem(error, spec))
        return
    plan_report = report(design.graph, design.schedule, plan.target)
    area = sum(design.area.values(), Area())
    tell(
        {
            "points": len(design.verified.points),
            "nodes": len(design.graph.nodes),
            "window": design.graph.window,
            "stages": design.schedule.stages,
            "register_bits": plan_report.register_bits,
            "area": {**area.figures(), "verdict": verdict(area)},
            "overruns": len(plan_report.overruns),
        }
    )
    compared = _compared(design, plan, steps)
    steps.end()
    tell(compared)


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


class _Steps:
    """Tells how many seconds of CPU time each step took, and which one is going on."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._seconds: dict[str, float] = {}
        self._step = ""
        self._since = _cpu_seconds()

    def __call__(self, step: str) -> None:
        self.end()
        self._step = step
        self._tell({"step": step, "seconds": dict(self._seconds)})

    def end(self) -> None:
        """The step that was going on is over."""
        now = _cpu_seconds()
        if self._step:
            spent = self._seconds.get(self._step, 0.0) + now - self._since
            self._seconds[self._step] = round(spent, 3)
            self._tell({"seconds": dict(self._seconds)})
        self._step, self._since = "", now


def missing(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> list[str]:
    """What the program uses and there is no hardware for, by name: all of it, not only what is met first."""
    types = {map_type_name(spec.type) for spec in maps.values() if spec.type not in MAP_TYPES}
    return [*sorted(map(helper_name, program.helpers - HELPERS.keys())), *sorted(f"{name} map" for name in types)]


def _linux(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> Facts:
    """Whether Linux loads the program: ``accepts`` is None where it cannot be asked."""
    if reason := linux.available():
        return {"accepts": None, "says": reason}
    try:
        accepts, log = linux.kernel_verdict(program, maps)
    except InputError as error:
        return {"accepts": None, "says": str(error)}
    lines = [line for line in log.strip().splitlines() if not _NO_REASON.match(line)]
    return {"accepts": accepts, "says": "" if accepts or not lines else lines[-1]}


_NO_REASON = re.compile(r"processed \d+ insns|verification time|stack depth|insns processed|\d+: \(|; |mark_precise")


def _compared(design: Design, plan: Plan, steps: _Steps) -> Facts:
    """What the comparison with Linux, or where it cannot be asked with the interpreter, gave: several times, each
    with other map contents, since contents stay while frames come."""
    facts: Facts = {"frames": 0, "entries": {}, "verdicts": {}}
    reached: set[int] = set()
    for seed in range(plan.seed, plan.seed + _CONTENTS):
        steps("stimulus")
        used = maps_of(design.program, design.known_maps)
        stimulus = find_stimulus(design.program, used, plan.frames, seed)
        reached |= stimulus.reached
        frames = [Frame(data) for data in stimulus.frames]
        without_linux = Session(design, stimulus.contents).without_linux(frames)
        session = Session(design, _accepted(design, stimulus.contents, with_linux=without_linux is None))
        steps("netlist" if plan.netlist else "graph")
        ours = session.hardware(engine("verilator"), frames) if plan.netlist else session.graph(frames)
        steps("reference")
        try:
            theirs = session.interpreter(frames) if without_linux else session.linux(frames)
        except InputError as error:  # routes that Linux does not take
            theirs, without_linux = session.interpreter(frames), str(error)
        facts |= {"compared": [ours.name, theirs.name], "without_linux": without_linux}
        facts["frames"] += len(frames)
        for result in theirs.results:
            _count(facts["verdicts"], str(result.verdict))
        for name, entries in session.contents.items():
            facts["entries"][name] = max(len(entries), facts["entries"].get(name, 0))
        source = Input(design.program, session.maps, stimulus.frames, session.contents)
        if difference := compare(ours, theirs, source):
            facts |= {"outcome": Outcome.DIFFERENT, "seed": seed, **_told(difference)}
            return facts
    if not facts["frames"]:
        reason = "any frame fills an LRU map, and which entry that gives up is not promised"
        return facts | {"outcome": Outcome.LIMIT, "reason": reason, "group": reason}
    slots = {point.slot for point in design.verified.points}
    return facts | {"outcome": Outcome.EXACT, "reached": round(len(reached & slots) / len(slots), 3)}


def _told(difference: Difference) -> Facts:
    """A difference as the reason of an outcome."""
    where = " ".join(str(difference).split("\n")[0].split())
    return {
        "reason": str(difference),
        "group": re.sub(r"\d+|key \w+", "N", where),
        "difference": difference.document(),
    }


def _accepted(design: Design, wanted: Contents, with_linux: bool) -> Contents:
    """The contents that everyone takes who takes part: Linux knows devices and CPUs that are not there."""
    session = Session(design)
    interpreter = session.fresh_interpreter()
    if not with_linux:
        return fill_as_taken(wanted, interpreter)
    with linux.LinuxOracle(design.program, session.maps) as oracle:
        return fill_as_taken(wanted, oracle, interpreter)


def _problem(error: HardpathError, spec: ObjectSpec | None) -> Facts:
    """An error as an outcome with its reason; ``group`` is the reason without the names and numbers of the program."""
    place: Place | None = None
    match error:
        case Refused():
            outcome, reason, place = Outcome.REFUSED, error.reason, error.place
        case VerificationError():
            outcome, reason, place = Outcome.UNSAFE, f"{error.category}: {error.reason}", error.place
        case _:
            outcome, reason = Outcome.UNREADABLE, str(error)
    return {
        "outcome": outcome,
        "reason": reason,
        "at": None if place is None else str(place),
        "group": group(reason, spec),
    }


def group(reason: str, spec: ObjectSpec | None) -> str:
    """What a reason has in common with others: without the program's own names and numbers."""
    if spec is None:
        return re.sub(r"^\S+?: ", "", reason)
    functions = {name for program in spec.programs for name in (program.name, *program.functions.values())}
    for kinds, names in (("map", set(spec.maps)), ("program|function|subprogram", functions)):
        for name in sorted(names, key=len, reverse=True):
            reason = re.sub(rf"\b({kinds}) {re.escape(name)}(?![\w.])", r"\1 …", reason)
    return re.sub(r"\b(0x[0-9a-f]+|\d[\d,]*)\b", "N", reason.replace(spec.path, "…"))


def settled(facts: Facts, ended: Ended) -> Facts:
    """The facts of a task that ended, with an outcome in every case."""
    if ended.why is None:
        return facts
    step = f" in step {facts['step']}" if facts.get("step") else ""
    last = ended.detail.strip().splitlines()[-1] if ended.detail else ""
    reason = f"{ended.why}{step}{': ' + last if last else ''}"
    shown = {"outcome": _ENDED[ended.why], "reason": reason, "group": reason, "at": None}
    return facts | shown | ({"traceback": ended.detail} if ended.why == FAULT else {})


def totals(programs: Sequence[Facts]) -> Facts:
    """Counts over all programs: by outcome, by reason, by what is missing, against Linux's verifier, and how many of
    the exact ones were ``half_seen``: less than `HALF` of their instructions reached."""
    verdicts = {True: "accepts", False: "rejects", None: "unknown"}
    result: Facts = {"programs": len(programs), "outcomes": {}, "reasons": {}, "missing": {}, "linux": {}}
    result["half_seen"] = sum(facts.get("reached", 1) < HALF for facts in programs)
    for facts in programs:
        outcome = str(facts["outcome"])
        _count(result["outcomes"], outcome)
        if "group" in facts:
            _count(result["reasons"].setdefault(outcome, {}), facts["group"])
        for name in facts.get("missing", ()):
            each = result["missing"].setdefault(name, {"programs": 0, "alone": 0})
            each["programs"] += 1
            each["alone"] += len(facts["missing"]) == 1
        if "linux" in facts:
            _count(result["linux"].setdefault(verdicts[facts["linux"]["accepts"]], {}), outcome)
    return result


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
