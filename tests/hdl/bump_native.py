"""A device between two ports as a program (Verilator) that sends and takes frames at the PHYs' pins at 1 Gb/s."""

from __future__ import annotations

import struct
import subprocess
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardpath.codegen.elf import load, select
from hardpath.codegen.emit.verilog import verilog
from hardpath.codegen.flow import compile_program
from hardpath.hdl.mac.ecp5_pins import CELLS
from hardpath.hdl.target import Target
from hardpath.sim import native_build

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
PERIOD_PS = 10_000
TARGET = Target(clock_mhz=1e6 / PERIOD_PS, width=8, max_frame=1518)
CYCLES_A_BIT = 20
_HEAD = struct.Struct("<BIQ")


def specs(path, program=None):
    """The object's maps and a program of it."""
    found = load(path)
    return found, select(found, program, None)


def build(bench, folder, cache=None):
    """A program for a component `bump_bench.Bench`."""
    recipe = native_build.Recipe(
        kind="bump",
        top="bump",
        prefix="Vbump",
        main=HERE / "bump_native" / "main.cpp",
        defines={"BUMP_PERIOD_PS": PERIOD_PS, "BUMP_BIT_PS": PERIOD_PS * CYCLES_A_BIT},
    )
    return native_build.program(recipe, verilog(bench, "bump") + CELLS, cache or folder)


def designs(*chosen):
    """Designs of (path, name of the program or None)."""
    return [compile_program(*specs(*each), TARGET) for each in chosen]


@dataclass(frozen=True)
class Out:
    """``cycle``: of the clock, in which its first byte was on the line."""

    port: int
    cycle: int
    frame: bytes


def exchange(program, folder, frames):
    """What comes out when ``frames[i]``, FCS included, come in at port i back to back; each FCS is checked. And the
    cycle in which each was first on the line."""
    text = b"".join(
        _HEAD.pack(port, len(frame), 0) + frame for port, each in enumerate(frames) for frame in each
    )
    (folder / "in").write_bytes(text)
    done = subprocess.run(
        [program, folder / "in", folder / "out"], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    began = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    text, out, at = (folder / "out").read_bytes(), [], 0
    while at < len(text):
        port, size, cycle = _HEAD.unpack_from(text, at)
        at += _HEAD.size + size
        frame = text[at - size : at]
        assert with_fcs(frame[:-4]) == frame and size >= 64
        out.append(Out(port, cycle, frame[:-4]))
    return out, began


def with_fcs(frame):
    return frame + zlib.crc32(frame).to_bytes(4, "little")


@contextmanager
def running(program, uart=-1, ports=(-1, -1)):
    """The program with file descriptors for the serial line and for the frames of ports."""
    files = [each for each in (uart, *ports) if each >= 0]
    process = subprocess.Popen([program, str(uart), *map(str, ports)], pass_fds=files, stderr=subprocess.PIPE)
    try:
        yield process
        assert process.poll() is None, process.stderr.read()
    finally:
        process.kill()
        process.communicate()
