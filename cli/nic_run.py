"""``hardpath nic run``: a scenario, once or at growing rates."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..hdl.errors import InputError
from ..nic_model import sweep as curve
from ..nic_model.nic import Nic, Outcome
from ..nic_model.results import Recorder, document
from ..nic_model.scenario import Scenario, read_scenario
from ..sim.engine import Engine, Options
from ..sim.event_values import event_types
from ..sim.mapfile import save_maps
from ..sim.program import Hardware
from ..sim.results import Verdict
from ..sim.statistics import Latency
from . import charts, plots
from . import options as shared
from .options import FILE, Simulator
from .outputs import Outputs, check_folder
from .progress import Steps
from .settings import Settings


@click.command()
@click.argument("scenario", type=FILE)
@click.option(
    "-o", "--output", type=FILE, metavar="DIR",
    help="Folder for the result, map contents, every frame's fate, and captures of what went where; with --sweep one "
    "for each point.",
)
@click.option(
    "--sweep", type=click.Choice(["rate"]),
    help="Run it again and again, with growing rates of what comes from the lines: a load-latency curve.",
)
@click.option(
    "--points", type=click.IntRange(min=1), default=10, show_default=True, help="Of the sweep, up to the file's rates."
)
@click.option(
    "--paths", "by_path", is_flag=True,
    help="Latency by path through the program. The interpreter tells the paths, some thousand frames a second.",
)
@click.option(
    "--plot", type=FILE, metavar="FILE",
    help="Draw latencies, or the curve of a sweep. SVG, PNG or PDF; needs matplotlib.",
)
@shared.simulator_options
@click.pass_obj
def command(
    settings: Settings,
    scenario: Path,
    output: Path | None,
    sweep: str | None,
    points: int,
    by_path: bool,
    plot: Path | None,
    simulator: Simulator,
) -> None:
    """Run a scenario file: what arrives, what leaves, what is dropped where."""
    if output is not None:
        check_folder(output)
    if plot is not None:
        plots.check(plot)
    if by_path and sweep is not None:
        raise InputError("--paths is for one run: use it without --sweep")
    with Steps() as steps, Outputs() as outputs:
        steps("read the scenario")
        plan = read_scenario(scenario)
        plans = list(curve.steps(plan, points)) if sweep is not None else []
        for name in plan.program.unused:
            settings.note(f"{plan.program.name} does not use map {name}; its contents are left out")
        plot_path = outputs.optional(plot)
        steps("verify")
        hardware = plan.build.compile(plan.program.verify(), steps)
        engine, options = simulator.start(), Options(cache=simulator.cache)
        steps("build the simulation")
        engine.prepare(hardware.session.netlist, options)
        if sweep is not None:
            found = []
            for number, (share, step) in enumerate(plans, 1):
                steps(f"run at {share:.0%}")
                folder = None if output is None else output / f"{number:0{len(str(points))}}"
                outcome, _ = _run(step, hardware, engine, options, folder, False, steps)
                found.append(curve.point(share, step, outcome))
            if plot_path is not None:
                plots.load_latency(plot_path, f"{hardware.name}: latency by load", found)
            result = {"program": hardware.name, "engine": engine.name, "points": found}
            if output is not None:
                _write(output, result)
            settings.answer(result, lambda console: console.print(charts.load_latency(found)))
            return
        steps("run")
        outcome, result = _run(plan, hardware, engine, options, output, by_path, steps)
        if plot_path is not None:
            groups = {str(verdict): Latency(outcome.latency[verdict].items(), 1) for verdict in Verdict}
            plots.latency(plot_path, hardware.name, groups, outcome.timeline, 0.001)
    settings.answer(result, lambda console: show(console, result, outcome))


def _run(
    plan: Scenario,
    hardware: Hardware,
    engine: Engine,
    options: Options,
    output: Path | None,
    by_path: bool,
    steps: Steps,
) -> tuple[Outcome, dict[str, Any]]:
    """A run of a scenario, and its result, which is in the folder as well if there is one."""
    with ExitStack() as files:
        if output is None:
            nic = Nic(plan, hardware, paths=by_path)
        else:
            output.mkdir(parents=True, exist_ok=True)
            recorder = files.enter_context(Recorder(output, event_types(plan.program.spec, ())))
            nic = Nic(plan, hardware, recorder, recorder.event, paths=by_path)
        started = time.perf_counter()
        outcome = nic.run(engine, options, steps.until(plan.duration))
        result = document(plan, hardware, engine.name, outcome, time.perf_counter() - started)
    if output is not None:
        _write(output, result)
        save_maps(output / "maps.json", outcome.maps)
    return outcome, result


def _write(folder: Path, result: dict[str, Any]) -> None:
    (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")


def show(console: Console, result: dict[str, Any], outcome: Outcome) -> None:
    """A result for people."""
    console.print(
        f"{result['program']}: {result['duration_us']:g} us at {result['clock_mhz']:g} MHz, "
        f"{result['cycles']:,} cycles; simulated by {result['engine']}"
    )
    ports = result["ports"]
    queues = charts.table("Queue", "packets", "bytes", "dropped")
    for name, queue in result["queues"].items():
        queues.add_row(name, *(f"{queue[column]:,}" for column in ("packets", "bytes", "dropped")))
    updates = charts.table("Map", "begun us", "ended us", "error")
    for each in result["updates"]:
        updates.add_row(each["map"], f"{each['begun_us']:,}", f"{each['ended_us']:,}", each["error"] or "-")
    ways = {f"{name} to {to}": each for name, port in ports.items() for to, each in port["latency_ns"].items()}
    verdicts = result["latency_by_verdict_ns"]
    stalls = charts.table("Stalls", "cycles")
    for cause, cycles in result["stalls"].items():
        if cycles:
            stalls.add_row(cause, f"{cycles:,}")
    everything = Latency(chain.from_iterable(each.items() for each in outcome.latency.values()), period_ps=1)
    tables = (
        counters(ports),
        queues,
        updates,
        charts.latencies("Latency in ns", ways | (verdicts if len(verdicts) > 1 else {})),
        charts.histogram("Latency in ns", everything.histogram(16), scale=0.001),
        charts.timeline(outcome.timeline, 0.001),
        charts.paths(result["paths"]) if "paths" in result else None,
        stalls,
    )
    for table in tables:
        if table is not None and table.row_count:
            console.print()
            console.print(table)


def counters(ports: dict[str, Any]) -> Table:
    """What each port counted, without what none has."""
    names = (f"{name} ({port['speed']})" if "speed" in port else name for name, port in ports.items())
    table = charts.table("Port", *names)
    rows = {"on the line": [port["line_packets"] for port in ports.values() if "line_packets" in port]}
    for name in next(iter(ports.values()))["statistics"]:
        rows[name] = [port["statistics"][name] for port in ports.values()]
    for name, counts in rows.items():
        if any(counts):
            table.add_row(name, *(f"{count:,}" for count in counts))
    return table
