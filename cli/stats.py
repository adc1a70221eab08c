"""``hardpath stats``: what a running device has counted."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..nic_model.host import Device
from .device_options import Reached, device_options
from .settings import Settings


@click.command()
@device_options
@click.option("--clear", is_flag=True, help="Afterwards, counters, stalls and latencies of the programs start over.")
@click.pass_obj
def command(settings: Settings, reached: Reached, clear: bool) -> None:
    """Counters of a running device: frames by verdict, what was dropped, what held frames back, its ports."""
    with reached.devices() as (devices, hardware):
        document: dict[str, Any] = {"programs": [_figures(name, device) for name, device in devices.items()]}
        if hardware is not None:
            document["ports"] = hardware.ports()
        if clear:
            for device in devices.values():
                device.client.clear()
    settings.answer(document, lambda console: _show(console, document))


def _figures(name: str, device: Device) -> dict[str, Any]:
    client = device.client
    return {
        "program": client.program,
        **({"direction": name} if name else {}),
        "counters": client.counters(),
        "stalls": client.stalls(),
    }


def _show(console: Console, document: dict[str, Any]) -> None:
    for each in document["programs"]:
        console.print(" ".join(filter(None, (each["program"], each.get("direction")))), style="bold")
        _rows(console, each["counters"])
        _rows(console, {f"stalls: {cause}": cycles for cause, cycles in each["stalls"].items() if cycles})
    for number, counters in enumerate(document.get("ports", ())):
        console.print(f"port {number}", style="bold")
        _rows(console, counters)


def _rows(console: Console, counters: dict[str, int]) -> None:
    if counters:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        for name, count in counters.items():
            table.add_row(f"  {name.replace('_', ' ')}", f"{count:,}")
        console.print(table)
