"""``hardpath sim``: frames through the hardware, cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..codegen.flow import Design
from ..hdl.errors import InputError
from ..hdl.plural import counted
from ..nic_model.control_socket import ControlServer
from ..nic_model.host import about
from ..sim.captures import fitting
from ..sim.engine import Engine, Options, RunResult
from ..sim.mapfile import save_maps
from ..sim.paths import Paths
from ..sim.session import Session
from ..sim.timing import Rate
from ..sim.toolchain import has_fst_headers
from . import charts, plots
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
@click.option(
    "--paths", "by_path", is_flag=True,
    help="Latency by path through the program. The interpreter tells the paths, some thousand frames a second.",
)
@click.option(
    "--plot", type=FILE, metavar="FILE",
    help="Draw latencies: histogram and over time. SVG, PNG or PDF; needs matplotlib.",
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
    by_path: bool,
    plot: Path | None,
    waves: Path | None,
) -> None:
    """Simulate cycle by cycle: verdicts, latency, throughput."""
    source.check(settings, needed=control is None)
    runner = simulator.start()
    if control is not None and not runner.live:
        raise InputError(f"engine {runner.name} cannot do it while frames pass: use --control with --engine verilator")
    if by_path and control is not None:
        raise InputError("--paths cannot follow what the host does meanwhile: use it without --control")
    if plot is not None:
        plots.check(plot)
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
        if by_path and options.frames_out is None:
            scratch = stack.enter_context(TemporaryDirectory(prefix="hardpath-"))
            options = replace(options, frames_out=Path(scratch) / "frames.jsonl")
        maps_path, plot_path = outputs.optional(maps_out), outputs.optional(plot)
        design = build.compile(spec, program, steps)
        session = Session(design, contents)
        if server is not None:
            server.about = about(chosen.object, design, tuple(p.name for p in spec.programs))
        result, after = _simulate(session, runner, source, options, maps_path is not None, steps, server)
        if maps_path is not None:
            save_maps(maps_path, after)
        if plot_path is not None:
            groups = {str(verdict): each for verdict, each in result.by_verdict.items()}
            plots.latency(plot_path, program.name, groups, result.timeline, result.latency.period_ps / 1000)
        paths = None
        if by_path:
            steps("find paths")
            paths = _paths(session, source, source.skip_bad, result)
    if server is not None and server.cleared:
        settings.note("stalls are those since the last hardpath stats --clear; everything else is of the whole run")
    document = {"program": program.name, **result.as_json(), **({} if paths is None else {"paths": paths})}
    settings.answer(document, lambda console: show(console, design, result, paths))


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


def _paths(session: Session, source: Source, skip_bad: bool, result: RunResult) -> list[dict[str, Any]]:
    """Percentiles by path through the program, from the records of the run."""
    paths = Paths(session)
    frames = fitting(source.frames(), source.name, session.design.target.max_frame, [] if skip_bad else None)
    for (_, frame), record in zip(frames, result.results(), strict=True):
        paths.add(frame, record.verdict)
        paths.time(record.latency_cycles or 0)
    return paths.document(session.netlist.period_ps)


def show(console: Console, design: Design, result: RunResult, paths: list[dict[str, Any]] | None) -> None:
    """The figures of a run for people."""
    target, ii = design.target, design.schedule.ii
    apart = f", a frame every {ii} cycles" if ii > 1 else ""
    console.print(
        f"{design.program.name}: {counted(design.schedule.stages, 'stage')}{apart}, {target.width} bytes a beat, "
        f"{target.clock_mhz:g} MHz; simulated by {result.engine}\n"
    )
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(design, result):
        facts.add_row(name, value)
    console.print(facts)
    tables = (
        _verdicts(result),
        _latencies(result),
        charts.histogram("Cycles", result.latency.histogram(16)),
        charts.timeline(result.timeline, result.latency.period_ps / 1000),
        charts.paths(paths) if paths is not None else None,
        _stalls(result),
    )
    for table in tables:
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


def _verdicts(result: RunResult) -> Table | None:
    table = charts.table("Verdict", "frames", "%")
    for verdict, count in result.verdicts.items():
        if count:
            table.add_row(str(verdict), f"{count:,}", f"{100 * count / result.frames:.1f}")
    return table if table.row_count else None


def _latencies(result: RunResult) -> Table | None:
    """In cycles and ns; in ns by verdict where there are several."""
    if not result.frames:
        return None
    rows: dict[str, Mapping[str, Any]] = dict(result.latency.summary())
    several = {verdict: each for verdict, each in result.by_verdict.items() if each.frames}
    if len(several) > 1:
        rows |= {f"ns, {verdict}": each.summary()["ns"] for verdict, each in several.items()}
    return charts.latencies("Latency", rows)


def _stalls(result: RunResult) -> Table | None:
    table = charts.table("Stalls", "cycles")
    for cause, cycles in result.stalls.items():
        if cycles:
            table.add_row(cause, f"{cycles:,}")
    return table if table.row_count else None
