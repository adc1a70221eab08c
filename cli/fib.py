"""``hardpath fib``: routes and neighbours of this Linux, for ``--fib``."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from ..sim.fib import collect, parse_fib
from .options import FILE
from .outputs import Outputs
from .settings import Settings


@click.command()
@click.option("-o", "--output", type=FILE, required=True, metavar="FILE", help="Where to write them.")
@click.pass_obj
def command(settings: Settings, output: Path) -> None:
    """Write this Linux's interfaces, routes and neighbours to a file for --fib."""
    document = collect()
    counts = {name: len(entries) for name, entries in parse_fib(document).items()}
    with Outputs() as outputs:
        path = outputs.optional(output)
        assert path is not None
        path.write_text(json.dumps(document, indent=1) + "\n")
    settings.answer({"file": str(output), "entries": counts}, lambda console: _show(console, output, counts))


def _show(console: Console, output: Path, counts: dict[str, int]) -> None:
    console.print(f"{output}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
