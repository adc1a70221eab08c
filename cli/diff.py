"""``hardpath diff``: is the hardware what Linux is?"""

from __future__ import annotations

import click
from rich.console import Console

from ..codegen.flow import Design
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.plural import counted
from ..sim.captures import Frame
from ..sim.compare import Difference, Input, Record, compare
from ..sim.engine import Options
from ..sim.session import Session
from . import options as shared
from .main import NO
from .options import Build, Chosen, Given, Simulator, Source
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@shared.source_options
@shared.given_options
@shared.simulator_options
@shared.build_options
@click.pass_obj
def command(
    settings: Settings, chosen: Chosen, source: Source, build: Build, given: Given, simulator: Simulator
) -> int:
    """Compare hardware, interpreter and Linux: verdicts, bytes, redirects, maps and events."""
    source.check(settings)
    spec, program, contents = chosen.open(given, settings)
    frames, skipped = source.fitting(build.max_frame)
    with Steps() as steps:
        session = Session(build.compile(spec, program, steps), contents)
        without_linux = session.without_linux(frames)
        records = _records(session, simulator, frames, without_linux is None, steps)
        steps("compare")
        found = _first_difference(session, frames, records)
    document = {
        "program": program.name,
        "frames": len(frames),
        "skipped": skipped,
        "compared": [record.name for record in records],
        "without_linux": without_linux,
        "events": sum(map(len, records[0].told.values())),
        "equal": found is None,
        "difference": None if found is None else found.document(),
        "full": _full(session.design, records),
    }
    settings.answer(document, lambda console: _show(console, session.design, records, without_linux, found))
    return 0 if found is None else NO


def _records(
    session: Session, simulator: Simulator, frames: list[Frame], with_linux: bool, steps: Steps
) -> list[Record]:
    steps("Verilog and its simulation")
    hardware = session.hardware(simulator.start(), frames, Options(cache=simulator.cache))
    steps("interpreter")
    records = [hardware, session.interpreter(frames)]
    if with_linux:
        steps("Linux")
        records.append(session.linux(frames))
    return records


def _first_difference(session: Session, frames: list[Frame], records: list[Record]) -> Difference | None:
    """Between the hardware and Linux or else the interpreter, or between those two."""
    design = session.design
    source = Input(design.program, session.maps, [frame.data for frame in frames], session.contents)
    hardware, interpreter, *linux = records
    for left, right in [
        *((hardware, each) for each in (*linux, interpreter)),
        *((interpreter, x) for x in linux),
    ]:
        if found := compare(left, right, source):
            return found
    return None


def _full(design: Design, records: list[Record]) -> list[str]:
    """LRU maps that are full for somebody: they may have given up different entries (`MapPlugin.evicts`)."""
    return [
        name
        for name, spec in design.maps.items()
        if MAP_TYPES[spec.type].evicts and any(len(r.maps.get(name, ())) >= spec.max_entries for r in records)
    ]


def _show(
    console: Console,
    design: Design,
    records: list[Record],
    without_linux: str | None,
    found: Difference | None,
) -> None:
    if without_linux is not None:
        console.print(f"Linux was skipped: {without_linux}")
    if found is not None:
        console.print(str(found))
        for name in _full(design, records):
            console.print(
                f"map {name} became full: which entry an LRU map gives up is not promised, so what follows may differ; "
                f"--map-size {name}=N gives it room"
            )
        return
    names = [record.name for record in records]
    agreed = [counted(len(records[0].results), "frame"), counted(len(records[0].maps), "map")]
    told = records[0].told
    asked = [channel for channel in told if all(channel in record.told for record in records)]
    if design.graph.events and asked:
        agreed.append(counted(sum(len(told[channel]) for channel in asked), "event"))
    line = (
        f"{design.program.name}: {', '.join(names[:-1])} and {names[-1]} agree on "
        f"{', '.join(agreed[:-1])} and {agreed[-1]}"
    )
    if number := sum(len(told[channel]) for channel in told if channel not in asked):  # what Linux prints is not seen
        line += f"; {' and '.join(names[:2])} on {counted(number, 'printed line')}"
    console.print(line)
