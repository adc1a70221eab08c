"""``hardpath compile``: a folder with the hardware and everything about it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..codegen.flow import Design
from ..hdl import registers
from ..hdl.line_rate import FCS, PORTS, SHORTEST_ON_WIRE
from . import options as shared
from . import report
from .options import Build, Chosen
from .outputs import Outputs, check_folder
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder, made if needed.",
)
@shared.build_options
@click.option(
    "--event-queue", type=click.IntRange(0, 1 << 16), default=0, show_default=True, metavar="BEATS",
    help="Let so many beats of events wait for the control bus; 0: they leave through ports of their own.",
)
@click.pass_obj
def command(settings: Settings, chosen: Chosen, output: Path, build: Build, event_queue: int) -> None:
    """Write Verilog, register map and report."""
    check_folder(output)
    spec = chosen.load()
    with Steps() as steps:
        design = build.compile(spec, chosen.select(spec), steps, event_queue)
        facts = report.document(design)
        if build.ports is not None:
            settings.note(chosen_for(build.ports, design))
        if facts["area"]["largest"]["share"] > 1:
            settings.note(f"no ECP5 holds this: {report.area_text(facts['area'])}")
        for overrun in facts["overruns"][:1]:
            clock = f"{design.target.clock_mhz:g} MHz"
            settings.note(f"{clock} will not be reached: {overrun['at']} alone takes {overrun['ns']} ns")
        steps("Verilog")
        files = {
            f"{design.program.name}.v": design.verilog,
            "registers.md": registers.markdown(),
            "device.json": design.identity.text().decode() + "\n",
            "report.txt": report.text(design),
            "report.json": json.dumps(facts, indent=2) + "\n",
        }
        output.mkdir(parents=True, exist_ok=True)
        with Outputs() as outputs:
            for name, content in files.items():
                outputs.path(output / name).write_text(content)
    settings.answer(
        {"output": str(output), "files": list(files), "report": facts},
        lambda console: console.print("\n".join(str(output / name) for name in files)),
    )


def chosen_for(ports: str, design: Design) -> str:
    """What the hardware became for these ports, and why."""
    target, plan = design.target, design.schedule
    brought = PORTS[ports].frame_cycles(SHORTEST_ON_WIRE - FCS, target.clock_mhz)
    return (
        f"frames of {ports} ports come {brought:.4g} or more cycles of {target.clock_mhz:g} MHz apart: "
        f"{target.width} bytes a beat, up to {plan.frames} at a time in {plan.stages} stages, one every {plan.ii} "
        f"cycles, every {design.worst_cycles} at worst"
    )
