"""``hardpath sim``: frames through the hardware, cycle by cycle."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from ..codegen.flow import Design
from ..hdl.errors import InputError
from ..nic_model.control_socket import ControlServer
from ..nic_model.host import about
from ..sim.engine import Engine, Options, RunResult
from ..sim.mapfile import save_maps
from ..sim.session import Session
from ..sim.timing import Rate
from ..sim.toolchain import has_fst_headers
from . import options as shared
from .event_options import Told, event_options
from .options import FILE, Build, Chosen, Given, Simulator, Source
from .outputs import Outputs
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@shared.source_options
@click.option(
    "-w", "--write", type=FILE, metavar="FILE", help="pcapng of all frames with verdict and latency."
)
@click.option("--frames-out", type=FILE, metavar="FILE", help="JSON lines: what became of each frame.")
@event_options
@shared.given_options
@click.option("--maps-out", type=FILE, metavar="FILE", help="Map contents afterwards, in the form of --maps.")
@shared.simulator_options
@click.option(
    "--rate", metavar="RATE", help="Arrival of frames, such as 10G or 1.5Mpps; without: back to back."
)
@click.option(
    "--control", type=FILE, metavar="SOCKET",
    help="Stay up behind the frames, and let hardpath map reach the maps through this socket, from the first frame on.",
)
@click.option("--waves", type=FILE, metavar="FILE", help="Waveforms, FST or (FILE.vcd) VCD.")
@shared.build_options
@click.pass_obj
def command(
    settings: Settings,
    chosen: Chosen,
    source: Source,
    build: Build,
    write: Path | None,
    frames_out: Path | None,
    told: Told,
    given: Given,
    maps_out: Path | None,
    simulator: Simulator,
    rate: str | None,
    control: Path | None,
    waves: Path | None,
) -> None:
    """Simulate cycle by cycle: verdicts, latency, throughput."""
    source.check(needed=control is None)
    runner = simulator.start()
    if control is not None and not runner.live:
        raise InputError(f"engine {runner.name} cannot do it while frames pass: use --control with --engine verilator")
    pace = Rate.parse(rate) if rate is not None else Rate()
    if waves is not None and waves.suffix != ".vcd" and not has_fst_headers():
        waves = waves.with_suffix(".vcd")
        settings.note(
            f"FST needs lz4.h and zlib.h (apt install liblz4-dev zlib1g-dev): waveforms go to {waves}"
        )
    spec, program, contents = chosen.open(given, settings)
    told.check(spec)
    with Steps() as steps, Outputs() as outputs, ExitStack() as stack:
        server = stack.enter_context(ControlServer(control)) if control is not None else None
        options = Options(
            rate=pace,
            frames_out=outputs.optional(frames_out),
            capture_out=outputs.optional(write),
            waves=outputs.optional(waves),
            skip_bad=source.skip_bad,
            cache=simulator.cache,
        )
        options = told.into(options, spec, outputs)
        maps_path = outputs.optional(maps_out)
        design = build.compile(spec, program, steps)
        session = Session(design, contents)
        if server is not None:
            server.about = about(chosen.object, design, tuple(p.name for p in spec.programs))
        result, after = _simulate(session, runner, source, options, maps_path is not None, steps, server)
        if maps_path is not None:
            save_maps(maps_path, after)
    settings.answer(
        {"program": program.name, **result.as_json()}, lambda console: show(console, design, result)
    )


def _simulate(
    session: Session, runner: Engine, source: Source, options: Options, read_maps: bool, steps: Steps,
    server: ControlServer | None,
) -> tuple[RunResult, dict[str, dict[bytes, bytes]]]:
    steps("Verilog")
    netlist = session.netlist
    steps("build the simulation")
    runner.prepare(netlist, options)
    steps("simulate")
    frames = source.read if source.read is not None else steps.over(source.frames(), source.count)
    during = server.serve if server is not None else None
    return session.run(runner, frames, options, read_maps=read_maps, during=during)


def show(console: Console, design: Design, result: RunResult) -> None:
    """The figures of a run for people."""
    target, ii = design.target, design.schedule.ii
    apart = f", a frame every {ii} cycles" if ii > 1 else ""
    console.print(
        f"{design.program.name}: {design.schedule.stages} stages{apart}, {target.width} bytes a beat, "
        f"{target.clock_mhz:g} MHz; simulated by {result.engine}\n"
    )
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(design, result):
        facts.add_row(name, value)
    console.print(facts)
    for table in (_verdicts(result), _latencies(result), _histogram(result), _stalls(result)):
        if table is not None:
            console.print()
            console.print(table)


def _facts(design: Design, result: RunResult) -> list[tuple[str, str]]:
    facts = [("Frames", f"{result.frames:,}")]
    if result.skipped:
        facts.append(("Left out", f"{result.skipped:,} too short or too long"))
    facts.append(("Cycles", f"{result.cycles:,}"))
    if result.cycles_per_frame is not None:
        rate = (
            f" ({design.target.clock_mhz / result.cycles_per_frame:.2f} Mpps)"
            if result.cycles_per_frame
            else ""
        )
        facts.append(("Cycles per frame", f"{result.cycles_per_frame:.2f}{rate}"))
    speed = f", {result.frames / result.wall_s:,.0f} frames/s" if result.wall_s else ""
    facts.append(("Simulation took", f"{result.wall_s:.2f} s{speed}"))
    return facts


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _verdicts(result: RunResult) -> Table | None:
    table = _table("Verdict", "frames", "%")
    for verdict, count in result.verdicts.items():
        if count:
            table.add_row(str(verdict), f"{count:,}", f"{100 * count / result.frames:.1f}")
    return table if table.row_count else None


def _latencies(result: RunResult) -> Table | None:
    if not result.frames:
        return None
    table = _table("Latency", "min", "p50", "p99", "max")
    for unit, figures in result.latency.summary().items():
        table.add_row(unit, *(f"{figures[name]:,}" for name in ("min", "p50", "p99", "max")))
    return table


def _histogram(result: RunResult) -> Table | None:
    bins = result.latency.histogram(16)
    if len(bins) < 2:
        return None
    most = max(each.frames for each in bins)
    table = _table("Cycles", "frames")
    table.add_column("", width=40)
    for each in bins:
        span = str(each.low) if each.low == each.high else f"{each.low}-{each.high}"
        table.add_row(span, f"{each.frames:,}", Bar(most, 0, each.frames, width=40))
    return table


def _stalls(result: RunResult) -> Table | None:
    table = _table("Stalls", "cycles")
    for cause, cycles in result.stalls.items():
        if cycles:
            table.add_row(cause, f"{cycles:,}")
    return table if table.row_count else None
