"""``hardpath run``: one frame, as ``bpftool prog run``."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from ..hdl.errors import InputError
from ..hdl.frame_sizes import MIN_FRAME
from ..sim.captures import Frame
from ..sim.engine import Options, RunResult
from ..sim.mapfile import save_maps
from ..sim.results import FrameResult
from ..sim.session import Session
from . import options as shared
from .event_options import Told, event_options
from .options import FILE, Build, Chosen, Given, Simulator
from .outputs import Outputs
from .progress import Steps
from .settings import Settings

_HEX = re.compile(rb"\s*(0x)?([0-9a-fA-F]{2}[\s:]*)+")


@click.command()
@shared.program_options
@click.option(
    "--data-in",
    required=True,
    metavar="FILE|HEX",
    help="The frame: a file with its bytes or with hexadecimal text (- for stdin), or the hexadecimal text itself.",
)
@click.option("--data-out", type=FILE, metavar="FILE", help="Where to write the bytes after the program.")
@click.option(
    "--repeat",
    "count",
    type=click.IntRange(1, 1_000_000),
    default=1,
    show_default=True,
    help="Send the same frame several times, back to back; the result is that of the last.",
)
@shared.given_options
@event_options
@click.option("--maps-out", type=FILE, metavar="FILE", help="Map contents afterwards, in the form of --maps.")
@shared.simulator_options
@shared.build_options
@click.pass_obj
def command(
    settings: Settings,
    chosen: Chosen,
    data_in: str,
    data_out: Path | None,
    count: int,
    given: Given,
    told: Told,
    maps_out: Path | None,
    simulator: Simulator,
    build: Build,
) -> None:
    """Run one frame through the hardware."""
    data = read_frame(data_in)
    if not MIN_FRAME <= len(data) <= build.max_frame:
        raise InputError(f"--data-in: {len(data)} bytes, but a frame has {MIN_FRAME} to {build.max_frame}")
    spec, program, contents = chosen.open(given, settings)
    with Steps() as steps, Outputs() as outputs:
        data_path, maps_path = outputs.optional(data_out), outputs.optional(maps_out)
        options = told.into(Options(cache=simulator.cache), spec, outputs)
        session = Session(build.compile(spec, program, steps), contents)
        steps("Verilog and its simulation")
        run, last, after = _run(session, simulator, Frame(data), count, options)
        if data_path is not None:
            data_path.write_bytes(last.out or b"")
        if maps_path is not None:
            save_maps(maps_path, after)
    document = {
        "program": program.name,
        "retval": int(last.verdict),
        "verdict": str(last.verdict),
        "out": None if last.out is None else last.out.hex(),
        "redirect": last.redirect,
        "latency_cycles": last.latency_cycles,
        "latency_ns": last.latency_ns,
        "repeat": count,
        "cycles_per_frame": run.cycles_per_frame,
    }
    settings.answer(document, lambda console: _show(console, last, run))


def read_frame(given: str) -> bytes:
    """A frame from a file, stdin or the text itself. Raises `InputError`."""
    if given == "-":
        content = sys.stdin.buffer.read()
    elif Path(given).is_file():
        content = Path(given).read_bytes()
    elif _HEX.fullmatch(given.encode()):
        content = given.encode()
    else:
        raise InputError(f"--data-in {given}: neither a file nor hexadecimal bytes")
    # No frame consists of nothing but the ASCII codes of hexadecimal digits.
    if _HEX.fullmatch(content):
        return bytes.fromhex(content.decode().strip().removeprefix("0x").replace(":", " "))
    return content


def _run(
    session: Session, simulator: Simulator, frame: Frame, count: int, options: Options
) -> tuple[RunResult, FrameResult, dict[str, dict[bytes, bytes]]]:
    with TemporaryDirectory(prefix="hardpath-") as folder:
        options = replace(options, frames_out=Path(folder) / "frames.jsonl")
        run, maps = session.run(simulator.start(), repeat(frame, count), options)
        *_, last = run.results()
        return run, last, maps


def _show(console: Console, last: FrameResult, run: RunResult) -> None:
    cost = "" if run.cycles_per_frame is None else f", {run.cycles_per_frame:.2f} cycles a frame"
    console.print(
        f"Return value: {int(last.verdict)} ({last.verdict}), "
        f"latency: {last.latency_cycles} cycles ({last.latency_ns} ns){cost}"
    )
    if last.redirect is not None:
        targets = last.redirect if isinstance(last.redirect, tuple) else (last.redirect,)
        console.print(f"Redirect: {', '.join(map(str, targets)) or 'nobody'}")
    for offset in range(0, len(last.out or b""), 16):
        row = (last.out or b"")[offset : offset + 16]
        printable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        console.print(f"{offset:04x}  {row.hex(' '):<47}  {printable}")
