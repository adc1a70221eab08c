"""A device between two ports as a program (Verilator) that sends and takes frames at the PHYs' pins at 1 Gb/s."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import sys
import tty
import zlib
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardpath.codegen import elf
from hardpath.codegen.emit.verilog import verilog
from hardpath.codegen.flow import compile_program
from hardpath.hdl.mac.ecp5_pins import CELLS
from hardpath.hdl.target import Target
from hardpath.nic_model.hardware import Hardware
from hardpath.nic_model.messages import Messages
from hardpath.sim import native_build

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
PERIOD_PS = 10_000
TARGET = Target(clock_mhz=1e6 / PERIOD_PS, width=8, max_frame=1518)
CYCLES_A_BIT = 10
BAUD = round(1e12 / PERIOD_PS / CYCLES_A_BIT)
"""Of the device's serial line."""
PATIENT_BAUD = 600
"""What a host believes, and so waits for: the simulation, whose serial line is faster, takes its time."""
_HEAD = struct.Struct("<BIQ")


def specs(path, program=None):
    """The object's maps and a program of it."""
    found = elf.load(path)
    return found, elf.select(found, program, None)


def build(bench, optimisation=("-O0",)):
    """A program for a component `bump_bench.Bench`. Compiling takes longer than a test runs, unless it has many frames:
    these want native_build.FAST."""
    recipe = native_build.Recipe(
        kind="bump",
        top="bump",
        prefix="Vbump",
        main=HERE / "bump_native" / "main.cpp",
        defines={"BUMP_PERIOD_PS": PERIOD_PS, "BUMP_BIT_PS": PERIOD_PS * CYCLES_A_BIT},
        optimisation=optimisation,
    )
    return native_build.program(recipe, verilog(bench, "bump") + CELLS, None)


def designs(*chosen):
    """Designs of (path, name of the program or None)."""
    return [compile_program(*specs(*each), TARGET) for each in chosen]


@dataclass(frozen=True)
class Out:
    """``time``: of the device, when its first byte was on the line."""

    port: int
    time: int
    frame: bytes


def write_frames(folder, frames):
    """``frames[i]``, FCS included, for port i. The arguments for the program."""
    (folder / "in").write_bytes(
        b"".join(_HEAD.pack(port, len(frame), 0) + frame for port, each in enumerate(frames) for frame in each)
    )
    return [folder / "in", folder / "out"]


def read_frames(folder):
    """What came out; each FCS is checked."""
    text, out, at = (folder / "out").read_bytes(), [], 0
    while at < len(text):
        port, size, time = _HEAD.unpack_from(text, at)
        at += _HEAD.size + size
        frame = text[at - size : at]
        assert with_fcs(frame[:-4]) == frame and size >= 64
        out.append(Out(port, time, frame[:-4]))
    return out


def times(line):
    """When frames came in at a port, or had a verdict, from what the program prints."""
    return [int(word) for word in line.split()]


def exchange(program, folder, frames):
    """What comes out when ``frames[i]``, FCS included, come in at port i back to back. And when they came in."""
    done = subprocess.run(
        [program, *write_frames(folder, frames)], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return read_frames(folder), [times(line) for line in done.stdout.splitlines()[: len(frames)]]


def with_fcs(frame):
    return frame + zlib.crc32(frame).to_bytes(4, "little")


@contextmanager
def serial_line():
    """The file descriptor that the program needs, and the path that a host opens."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


class _FrameLink:
    """Management frames through the socket of a port."""

    OWN = bytes.fromhex("0200000000aa")

    def __init__(self, line, address):
        self._line, self._address = line, address

    def send(self, message):
        self._line.send(self._address + self.OWN + message)

    def receive(self):
        while select.select([self._line], [], [], 60)[0]:
            frame = self._line.recv(2000)
            if frame[:12] == self.OWN + self._address:
                return frame[12:]
        return None

    def close(self):
        pass


def on_port(line, address):
    """The device, reached through the socket of a port."""
    return Hardware(Messages(_FrameLink(line, address), "the port"))


@contextmanager
def running(program, *arguments, files=()):
    """The program as a process, with file descriptors."""
    process = subprocess.Popen(
        [program, *map(str, arguments)],
        pass_fds=[each for each in files if each >= 0],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        assert process.poll() is None, process.stderr.read()
    finally:
        process.kill()
        process.communicate()


def traffic(lines, frames, wanted):
    """``frames[i]``, without FCS, into the socket of port i as fast as its line takes them. When ``wanted[i]`` have
    come out at port i: these."""
    left, got = [deque(each) for each in frames], [[] for _ in lines]
    while any(left) or any(len(came) < count for came, count in zip(got, wanted, strict=True)):
        writers = [line for line, waiting in zip(lines, left, strict=True) if waiting]
        readable, writable, _ = select.select(lines, writers, [], 60)
        assert readable or writable, f"nothing comes any more: {[len(came) for came in got]} of {wanted} frames"
        for line, waiting, came in zip(lines, left, got, strict=True):
            if line in readable:
                came.append(line.recv(2000))
            if line in writable:
                line.send(waiting.popleft())
    return got


def traffic_waits(lines):
    """Whether frames have come out that nobody took."""
    return bool(select.select(lines, [], [], 0)[0])


def hardpath(*words, status=0):
    """What the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "hardpath.cli.main", *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, done.stderr
    return done.stdout
