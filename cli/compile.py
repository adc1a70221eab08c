"""``hardpath compile``: a folder with the hardware and everything about it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path, PurePosixPath
from typing import Any

import click

from ..boards.shell_files import PART, Bundle, files
from ..boards.shells import SHELLS
from ..codegen.emit import verilog
from ..codegen.flow import Design
from ..hdl import registers
from ..hdl.errors import InputError
from ..hdl.line_rate import PORTS
from ..hdl.plural import counted
from . import options as shared
from . import report
from .options import Build, Chosen
from .outputs import Outputs, check_folder
from .progress import Steps
from .settings import Settings


@dataclass(frozen=True)
class Around:
    """What the datapath is put into: a shell, if there is one."""

    shell: str | None
    shell_ports: int | None
    part: str | None

    def adapt(self, build: Build) -> Build:
        """What to build, with the shell's clock unless the user has another. Raises `InputError` for what the shell
        does not have."""
        if self.shell is None:
            if self.shell_ports is not None or self.part is not None:
                raise InputError("--shell-ports and --part are for shells: name one with --shell")
            return build
        kind = SHELLS[self.shell]
        build = build if build.clock is not None else replace(build, clock=kind.clock_mhz)
        target = build.target()
        kind.check(target.width, target.clock_mhz, self.ports)
        return build

    @property
    def ports(self) -> int:
        return 1 if self.shell_ports is None else self.shell_ports

    def hardware(self, design: Design) -> dict[PurePosixPath, str]:
        """Verilog, and what goes with it."""
        name = design.program.name
        if self.shell is None:
            return {PurePosixPath(f"{name}.v"): design.verilog}
        kind = SHELLS[self.shell]
        top = f"{re.sub(r'[^A-Za-z0-9_]', '_', name)}_{kind.name}"
        shell = kind.build(design, self.ports)
        bundle = Bundle(kind, shell, design, self.ports, top, self.part or PART)
        return {PurePosixPath(f"{top}.v"): verilog(shell, top), **files(bundle)}


around_options = shared.collected(
    "around",
    Around,
    click.option("--shell", type=click.Choice(list(SHELLS)), help="Make it a module for this NIC, with AXI."),
    click.option(
        "--shell-ports", type=click.IntRange(min=1), metavar="N", help="Network ports of the NIC, by default one."
    ),
    click.option("--part", metavar="PART", help=f"Device for the shell's Vivado project, by default {PART}."),
)


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
@around_options
@click.pass_obj
def command(
    settings: Settings, chosen: Chosen, output: Path, build: Build, event_queue: int, around: Around
) -> None:
    """Write Verilog, register map and report."""
    check_folder(output)
    build = around.adapt(build)
    spec = chosen.load()
    with Steps() as steps:
        design = build.compile(spec, chosen.select(spec), steps, event_queue)
        facts = report.document(design)
        if build.ports is not None:
            settings.note(chosen_for(build.ports, design))
        if facts["area"]["largest"]["share"] > 1 and around.shell is None:
            settings.note(f"no ECP5 holds this: {report.area_text(facts['area'])}")
        if facts["overruns"]:
            settings.note(too_fast(design, max(facts["overruns"], key=lambda each: each["ns"]), around))
        steps("Verilog")
        written = {
            **around.hardware(design),
            PurePosixPath("registers.md"): registers.markdown(),
            PurePosixPath("device.json"): design.identity.text().decode() + "\n",
            PurePosixPath("report.txt"): report.text(design),
            PurePosixPath("report.json"): json.dumps(facts, indent=2) + "\n",
        }
        for name in written:
            (output / name).parent.mkdir(parents=True, exist_ok=True)
        with Outputs() as outputs:
            for name, content in written.items():
                outputs.path(output / name).write_text(content)
    settings.answer(
        {"output": str(output), "files": list(map(str, written)), "report": facts},
        lambda console: console.print("\n".join(str(output / name) for name in written)),
    )


def too_fast(design: Design, overrun: dict[str, Any], around: Around) -> str:
    """Why the clock will not be reached, and what to do about it."""
    target = design.target
    reached = floor(1000 * target.margin / overrun["ns"])
    remedy = f"choose --clock {reached}, or less"
    if around.shell is not None:
        fixed = SHELLS[around.shell].fixed_clock
        remedy = "see what timing.txt of project.tcl says of your part" + ("" if fixed else f", or {remedy}")
    device = "" if around.shell is None else " in an ECP5"
    cause = f"{overrun['at'] or report.NOWHERE} alone takes {overrun['ns']} ns"
    return f"{target.clock_mhz:g} MHz will not be reached{device}: {cause}: {remedy}"


def chosen_for(ports: str, design: Design) -> str:
    """What the hardware became for these ports, and why."""
    target, plan = design.target, design.schedule
    left = PORTS[ports].leaves(target.clock_mhz)
    slow = ", too seldom for frames that all meet in a map" if design.worst_cycles > left else ""
    inside = f"{counted(plan.frames, 'frame')} at a time in {counted(plan.stages, 'stage')}"
    return (
        f"{ports} ports leave {counted(left, 'cycle')} of {target.clock_mhz:g} MHz from frame to frame, and the "
        f"hardware takes one every {counted(design.worst_cycles, 'cycle')} at worst{slow}: "
        f"{target.width} bytes a beat, up to {inside}"
    )
