"""``hardpath dump``: what the program became."""

from __future__ import annotations

from collections.abc import Iterable

import click
from rich.console import Console

from . import listing
from . import options as shared
from .options import Build, Chosen
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@click.argument("what", type=click.Choice(("graph", "stages", "verilog")), default="stages")
@shared.build_options
@click.pass_obj
def command(settings: Settings, chosen: Chosen, what: str, build: Build) -> None:
    """List the stages beside their source lines (default), the dataflow graph, or the Verilog."""
    spec = chosen.load()
    with Steps() as steps:
        design = build.compile(spec, chosen.select(spec), steps)
        if what == "verilog":
            steps("Verilog")
            verilog = design.verilog
    if what == "verilog":
        settings.answer({"verilog": verilog}, lambda console: click.echo(verilog, nl=False))
    elif what == "graph":
        outputs = {name: node.id for name, node in design.graph.outputs.items()}
        document = {"nodes": listing.graph(design), "outputs": outputs}
        settings.answer(document, lambda console: _print(console, listing.graph_text(design)))
    else:
        settings.answer(listing.stages(design), lambda console: _print(console, listing.stages_text(design)))


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line)
