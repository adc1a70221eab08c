"""``hardpath build``: a bitstream, and what it is like."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..boards import board as boards
from ..boards import flow, needs, toolchain
from ..boards.estimate import refuse_hopeless
from ..boards.report import document, text
from ..codegen.flow import Design, compile_program
from ..hdl.target import Target
from ..sim import program
from . import options as shared
from .main import NO
from .options import Chosen
from .outputs import Outputs, check_folder
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@click.option(
    "--board", "board_name", required=True, type=click.Choice(list(boards.BOARDS)), metavar="NAME",
    help=f"The board: {', '.join(boards.BOARDS)}.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder for bitstream, report and floorplan, made if needed; by default build/BOARD/PROGRAM.",
)
@click.option(
    "--other", type=shared.FILE, metavar="OBJECT",
    help="The program of port 1; by default both ports have the same program and the same maps.",
)
@click.option(
    "--clock", type=shared.Number(1, 125), show_default="what suits the board", metavar="MHZ",
    help="Clock of the datapath; the ports' own is 125 MHz.",
)
@shared.width_option(needs.WIDTH)
@shared.ii_option("what the ports leave")
@shared.max_frame_option(needs.MAX_FRAME)
@shared.max_window_option
@click.option(
    "--latency", is_flag=True,
    help="The device measures latencies from wire to wire, for `hardpath latency`: with two ports some 2,300 LUT4, "
    "1,700 flip-flops and 8 block RAMs more, and slower clocks of the ports (docs/boards.md).",
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, metavar="N",
    help="Try N placements and take the fastest.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, metavar="M", help="So many at a time."
)
@click.option(
    "--tools", type=click.Choice(toolchain.PREFERENCES), default="auto", show_default=True,
    help="Native yosys, nextpnr-ecp5 and ecppack on PATH, YoWASP's from PyPI, or native ones if new enough.",
)
@click.option("--cache", type=shared.FILE, metavar="DIR", help="Where results are kept; by default ~/.cache/hardpath.")
@click.pass_obj
def command(
    settings: Settings,
    chosen: Chosen,
    board_name: str,
    output: Path | None,
    other: Path | None,
    clock: float | None,
    width: str,
    ii: int | None,
    max_frame: int,
    max_window: int,
    latency: bool,
    seeds: int,
    jobs: int,
    tools: str,
    cache: Path | None,
) -> int:
    """Make a bitstream with open tools. Exit status 1: it does not fit, or is too slow for the board's clocks."""
    board = boards.BOARDS[board_name]
    found = toolchain.find(tools)
    for remark in found.remarks:
        settings.note(f"{remark}; YoWASP's is taken")
    spec = chosen.load()
    picked = chosen.select(spec)
    folder = output or Path("build", board.name, picked.name)
    check_folder(folder)
    target = needs.target_of(
        board,
        1 if other is None else 2,
        clock_mhz=clock,
        width=int(width),
        ii=ii,
        max_frame=max_frame,
        latencies=latency,
    )
    with Steps() as steps:
        designs = [compile_program(spec, picked, target, max_window=max_window, progress=steps)]
        if other is not None:
            designs.append(_second(other, target, max_window, steps))
        refuse_hopeless(board.fpga, designs)
        built = flow.build(
            board,
            designs,
            found,
            latencies=latency,
            seeds=range(1, seeds + 1),
            jobs=jobs,
            cache=cache,
            step=steps,
            count=steps.until,
        )
        facts = document(built, designs)
        files = _write(built, folder, facts)
    answer = {"output": str(folder), "files": files, "report": facts}
    settings.answer(answer, lambda console: console.print(text(facts)))
    return 0 if built.best is not None and built.best.meets else NO


def _second(path: Path, target: Target, max_window: int, steps: Steps) -> Design:
    """The program of port 1."""
    opened = program.of(program.open_object(path), None, None, None, None)
    return compile_program(opened.spec, opened.program, target, max_window=max_window, progress=steps)


def _write(built: flow.Built, folder: Path, facts: dict[str, object]) -> list[str]:
    """Everything into the output folder; names of the files."""
    name = str(facts["program"])
    contents = {
        "report.json": (json.dumps(facts, indent=2) + "\n").encode(),
        "report.txt": (text(facts) + "\n").encode(),
        "yosys.log": (built.synthesis.folder / "yosys.log").read_bytes(),
    }
    if built.best is not None:
        for log in ("floorplan.svg", "nextpnr.log"):
            contents[log] = (built.best.folder / log).read_bytes()
    if built.bitstream is not None:
        contents[f"{name}.bit"] = built.bitstream.read_bytes()
    if built.svf is not None:
        contents[f"{name}.svf"] = built.svf.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    with Outputs() as outputs:
        for file, data in contents.items():
            outputs.path(folder / file).write_bytes(data)
    return list(contents)
