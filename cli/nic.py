"""``hardpath nic``: a NIC around the hardware."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..hdl.errors import InputError
from ..nic_model.nic import Nic
from ..nic_model.results import Recorder, document
from ..nic_model.scenario import read_scenario
from ..sim.engine import Options
from ..sim.mapfile import save_maps
from . import options as shared
from .options import FILE, Simulator
from .progress import Steps
from .settings import Settings, switches


class Verbs(click.Group):
    """The verbs below ``nic`` have the switches that all verbs have."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        command = super().get_command(context, name)
        if command is not None and not any(parameter.name == "json" for parameter in command.params):
            command.params += switches()
        return command


@click.group(cls=Verbs)
def command() -> None:
    """A NIC around the hardware: ports with line rates, queues, counters."""


@command.command()
@click.argument("scenario", type=FILE)
@click.option(
    "-o", "--output", type=FILE, metavar="DIR",
    help="Folder for the result, map contents, every frame's fate, and captures of what went where.",
)  # fmt: skip
@shared.simulator_options
@click.pass_obj
def run(settings: Settings, scenario: Path, output: Path | None, simulator: Simulator) -> None:
    """Run a scenario file: what arrives, what leaves, what is dropped where."""
    if output is not None and output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: name a folder")
    with Steps() as steps, ExitStack() as files:
        steps("read the scenario")
        plan = read_scenario(scenario)
        for name in plan.program.unused:
            settings.note(f"{plan.program.name} does not use map {name}; its contents are left out")
        steps("verify")
        hardware = plan.build.compile(plan.program.verify(), steps)
        engine, options = simulator.start(), Options(cache=simulator.cache)
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        told = files.enter_context(Recorder(output)) if output is not None else lambda fate: None
        nic = Nic(plan, hardware, told)
        steps("build the simulation")
        engine.prepare(hardware.session.netlist, options)
        steps("run")
        started = time.perf_counter()
        outcome = nic.run(engine, options, steps.until(plan.duration))
        result = document(plan, hardware, engine.name, outcome, time.perf_counter() - started)
    if output is not None:
        (output / "result.json").write_text(json.dumps(result, indent=2) + "\n")
        save_maps(output / "maps.json", outcome.maps)
    settings.answer(result, lambda console: show(console, result))


def show(console: Console, result: dict[str, Any]) -> None:
    """A result for people."""
    console.print(
        f"{result['program']}: {result['duration_us']:g} us at {result['clock_mhz']:g} MHz, "
        f"{result['cycles']:,} cycles; simulated by {result['engine']}"
    )
    ports = result["ports"]
    counters = Table(box=None, pad_edge=False, header_style="bold")
    counters.add_column("Port")
    for name, port in ports.items():
        counters.add_column(f"{name} ({port['speed']})", justify="right")
    counters.add_row("on the line", *(f"{port['line_packets']:,}" for port in ports.values()))
    for counter in next(iter(ports.values()))["statistics"]:
        counts = [port["statistics"][counter] for port in ports.values()]
        if any(counts):
            counters.add_row(counter, *(f"{count:,}" for count in counts))
    queues = _table("Queue", "packets", "bytes", "dropped")
    for name, queue in result["queues"].items():
        queues.add_row(name, *(f"{queue[column]:,}" for column in ("packets", "bytes", "dropped")))
    latencies = _table("Latency in ns", "min", "p50", "p99", "max")
    for name, port in ports.items():
        for to, figures in port["latency_ns"].items():
            latencies.add_row(f"{name} to {to}", *(f"{figures[column]:,}" for column in ("min", "p50", "p99", "max")))
    stalls = _table("Stalls", "cycles")
    for cause, cycles in result["stalls"].items():
        if cycles:
            stalls.add_row(cause, f"{cycles:,}")
    for table in (counters, queues, latencies, stalls):
        if table.row_count:
            console.print()
            console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table
