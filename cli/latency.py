"""``hardpath latency``: the latencies that a running device has measured."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..nic_model.hardware import Hardware
from ..nic_model.host import Device
from ..sim.control_client import LatencyFigures
from ..sim.statistics import Bin, Latency
from . import charts
from .device_options import Reached, device_options
from .settings import Settings

_ROWS = 16


@click.command()
@device_options
@click.option("--clear", is_flag=True, help="Afterwards they start over, for simulations with all other counters.")
@click.pass_obj
def command(settings: Settings, reached: Reached, clear: bool) -> None:
    """Latencies of a running device: of a simulation from first beat in to first beat out, of a device in the wire from
    first byte in to first byte out, by port and verdict; of frames that do not go out, to the verdict."""
    with reached.devices() as (devices, hardware):
        if hardware is not None:
            found = [each for each in _of_wire(hardware) if reached.direction in (None, each["port"])]
            if clear:
                hardware.clear_latencies()
        else:
            found = [_of_simulation(device) for device in devices.values()]
            if clear:
                for device in devices.values():
                    device.client.clear()
    settings.answer(found, lambda console: _show(console, found))


def _of_wire(hardware: Hardware) -> list[dict[str, Any]]:
    return [
        {
            "port": each.port,
            "verdict": each.verdict,
            "clock_mhz": hardware.clock_mhz,
            **_figures(each.figures, each.bin_cycles),
        }
        for each in hardware.latencies()
    ]


def _of_simulation(device: Device) -> dict[str, Any]:
    return {"program": device.client.program, **_figures(device.client.latency("first"), 1)}


def _figures(found: LatencyFigures, bin_cycles: int) -> dict[str, Any]:
    """In cycles; ``bins``: least latency and frames of each bin that is not empty."""
    return {
        "frames": found.count,
        "min": found.low,
        "max": found.high,
        "sum": found.total,
        "bin_cycles": bin_cycles,
        "bins": [[bin_cycles * i, frames] for i, frames in enumerate(found.bins) if frames],
    }


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    if not found:
        console.print("no frames yet")
    for number, each in enumerate(found):
        if number:
            console.print()
        title = each.get("program") or f"port {each['port']}, {each['verdict']}"
        console.print(f"{title}: {each['frames']:,} frames", style="bold")
        if not each["frames"]:
            continue
        mean = round(each["sum"] / each["frames"], 3)
        figures = {"min": each["min"], "mean": mean, "max": each["max"]}
        console.print("  cycles  " + "  ".join(f"{name} {value:,.10g}" for name, value in figures.items()))
        if "clock_mhz" in each:
            clock = each["clock_mhz"]
            console.print("  ns      " + "  ".join(f"{name} {1000 * v / clock:,.0f}" for name, v in figures.items()))
        if (drawn := histogram(each["bins"], each["bin_cycles"])) is not None:
            console.print(drawn)


def histogram(bins: list[list[int]], bin_cycles: int) -> Table | None:
    """At most `_ROWS` rows of equal width, of whole bins; none if all frames are in one."""
    counts = Latency([(low // bin_cycles, frames) for low, frames in bins], period_ps=1)
    rows = [Bin(bin_cycles * row.low, bin_cycles * (row.high + 1) - 1, row.frames) for row in counts.histogram(_ROWS)]
    return charts.histogram("  cycles", rows)
