"""``hardpath survey``: what becomes of a whole corpus of programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

import click
from rich.console import Console
from rich.table import Column, Table

from ..hdl.errors import InputError
from ..sim import linux
from ..sim.isolated import Facts, Limits, run_isolated
from ..sim.survey import Candidate, Outcome, Plan, enumerate_programs, examine, settled, totals
from . import options as shared
from .main import BROKEN, NO
from .options import Build, Number, Slots
from .outputs import Outputs, check_folder
from .progress import Steps
from .settings import Settings, console

_SHORT = 100  # characters of a reason in the table


@click.command()
@click.argument("paths", nargs=-1, required=True, type=shared.FILE, metavar="DIR_OR_FILE...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder for survey.json and survey.txt, made if needed.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default="as many as CPUs",
    help="Programs at the same time.",
)
@click.option(
    "--timeout", type=Number(min=1), default=240, show_default=True, metavar="SECONDS",
    help="CPU time for one program.",
)
@click.option(
    "--memory", type=click.IntRange(min=256), default=4096, show_default=True, metavar="MB",
    help="Memory for one program.",
)
@click.option(
    "--frames", type=click.IntRange(min=1), default=200, show_default=True,
    help="How many frames to compare, for each of three contents of the maps.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Other frames and map contents.")
@click.option(
    "--max-entries", type=click.IntRange(min=1), metavar="N",
    help="Most entries of a map; larger ones become smaller, but keep indexes that programs name.",
)
@shared.slot_option
@click.option("--netlist", is_flag=True, help="Simulate the Verilog instead of evaluating the scheduled graph.")
@shared.build_options
@click.pass_obj
def command(
    settings: Settings,
    paths: tuple[Path, ...],
    output: Path | None,
    jobs: int,
    timeout: float,
    memory: int,
    frames: int,
    seed: int,
    max_entries: int | None,
    slot: Slots,
    netlist: bool,
    build: Build,
) -> int:
    """Verify, compile and compare every XDP program of many objects; say what became of each, and why.

    Folders are searched for *.o. Outcomes: exact; different (from Linux, or the interpreter where Linux cannot be
    asked); refused; unsafe; unreadable; limit (of time or memory); fault (an error in hardpath itself).
    """
    if output is not None:
        check_folder(output)
    objects = list(_objects(paths))
    plan = Plan(build.target(), build.max_window, build.zero_stack, frames, seed, max_entries, netlist, slot)
    with Steps() as steps:
        programs, others = _survey(objects, plan, jobs, Limits(timeout, memory), steps)
    document: Facts = {
        "objects": len(objects),
        "without_linux": linux.available(),
        "other_types": others,
        "totals": totals(programs),
        "programs": programs,
    }
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        with Outputs() as outputs:
            outputs.path(output / "survey.json").write_text(json.dumps(document, indent=2) + "\n")
            outputs.path(output / "survey.txt").write_text(_text(document))
    settings.answer(document, lambda console: _show(console, document))
    outcomes = document["totals"]["outcomes"]
    return NO if Outcome.DIFFERENT in outcomes else BROKEN if Outcome.FAULT in outcomes else 0


def _objects(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those called ``*.o`` in the folders named. Raises `InputError`."""
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise InputError(f"{path}: there is no such file or folder")
            yield path
            continue
        found = sorted(each for each in path.rglob("*.o") if each.is_file())
        if not found:
            raise InputError(f"{path}: there is no object (*.o) in this folder")
        yield from found


def _survey(
    objects: list[Path], plan: Plan, jobs: int, limits: Limits, steps: Steps
) -> tuple[list[Facts], dict[str, int]]:
    """Facts of every XDP program, by object and position, and how many programs of other types there are.

    What is the same in several objects is examined once.
    """
    found: dict[tuple[str, int], Facts] = {}
    others: dict[str, int] = {}
    copies: dict[str, list[tuple[str, int]]] = {}
    maps: set[str] = set()
    steps("objects")
    listing = run_isolated(enumerate_programs, [str(path) for path in objects], jobs, limits)
    for path, facts, ended in steps.over(listing, len(objects)):
        if "programs" not in facts:
            found[path, 0] = {"object": path, "program": None, "section": None, **settled(facts, ended)}
        maps.update(facts.get("maps", ()))
        for number, each in enumerate(facts.get("programs", ())):
            digest, kind = each.pop("digest"), each.pop("type")
            if kind == "xdp":
                found[path, number] = {"object": path, **each}
                copies.setdefault(digest, []).append((path, number))
            else:
                others[kind] = others.get(kind, 0) + 1
    for name, *_ in plan.slots:
        if name not in maps:
            raise InputError(f"--slot {name}: no object has a map of that name")
    steps("programs")
    first = {min(places): sorted(places) for places in copies.values()}
    candidates = [Candidate(path, number, plan) for path, number in sorted(first)]
    for candidate, facts, ended in steps.over(run_isolated(examine, candidates, jobs, limits), len(candidates)):
        for place in first[candidate.object, candidate.number]:
            found[place] |= settled(facts, ended)
            found[place].pop("step", None)
            if place != (candidate.object, candidate.number):
                found[place]["same_as"] = candidate.object
    return [found[place] for place in sorted(found)], others


def _text(document: Facts) -> str:
    stream = StringIO()
    _show(console(stream), document)
    return stream.getvalue()


def _show(console: Console, document: Facts) -> None:
    """The table and the totals."""
    figures = (Column(title, justify="right") for title in ("s", "stages", "registers", "area", "reached"))
    table = Table("object", "program", "outcome", "Linux", *figures, "why", box=None)
    for facts in document["programs"]:
        table.add_row(*_row(facts))
    console.print(table)
    _show_totals(console, document)


def _row(facts: Facts) -> list[str]:
    verdicts = {True: "accepts", False: "rejects", None: "?"}
    seconds = sum(facts.get("seconds", {}).values())
    return [
        Path(facts["object"]).name,
        facts["program"] or "",
        str(facts["outcome"]),
        verdicts[facts["linux"]["accepts"]] if "linux" in facts else "",
        f"{seconds:.1f}" if "seconds" in facts else "",
        str(facts.get("stages", "")),
        f"{facts['register_bits']:,}" if "register_bits" in facts else "",
        _size(facts["area"]["verdict"]) if "area" in facts else "",
        f"{facts['reached']:.0%}" if "reached" in facts else "",
        _why(facts),
    ]


def _size(verdict: str) -> str:
    """The device that a program fits, or how many times the largest one."""
    return verdict.removeprefix("fits ").split(" the ")[0]


def _why(facts: Facts) -> str:
    if facts["outcome"] == Outcome.EXACT:
        return f"as {facts['compared'][1]}"
    reason = " ".join(facts["reason"].split())
    return reason if len(reason) <= _SHORT else reason[: _SHORT - 1] + "…"


def _show_totals(console: Console, document: Facts) -> None:
    counts = document["totals"]
    console.print()
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in _most(counts["outcomes"]))
    console.print(f"Programs: {counts['programs']} in {document['objects']} objects: {outcomes}")
    if document["without_linux"]:
        console.print(document["without_linux"])
    if document["other_types"]:
        console.print("not XDP: " + ", ".join(f"{number} {kind}" for kind, number in _most(document["other_types"])))
    for verdict, by_outcome in counts["linux"].items():
        console.print(f"Linux {verdict}: " + ", ".join(f"{number} {name}" for name, number in _most(by_outcome)))
    if counts["half_seen"]:
        console.print(f"exact, with less than half of the instructions reached: {counts['half_seen']}")
    for outcome, reasons in counts["reasons"].items():
        console.print(f"\n{outcome}")
        for reason, number in _most(reasons):
            console.print(f"{number:>6}  {' '.join(reason.split())}")
    if counts["missing"]:
        console.print("\nmissing: programs that use it, and those that lack nothing else")
        for name, each in sorted(counts["missing"].items(), key=lambda item: -item[1]["programs"]):
            console.print(f"{each['programs']:>6} {each['alone']:>6}  {name}")


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
