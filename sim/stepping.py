"""A simulated device whose clock its user drives: frames arrive at ports in stated cycles, results come in steps."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..hdl.errors import InputError
from ..hdl.helpers.events import Event
from .captures import MAX_IFINDEX, Frame, length_fault
from .engine import DEFAULTS, Bus, Child, Engine, Netlist, Options
from .events import decode_lines
from .results import Verdict, decoded


@dataclass(frozen=True, slots=True)
class Passage:
    """One frame's way through the datapath.

    ``index``: counts all frames that arrived, from 0. ``targets``: where XDP_REDIRECT leads: one number of 32 bits, or
    the interfaces of a broadcast (of other verdicts it says nothing). ``started``: cycle in which the first beat went
    in. ``ended``: cycle in which the last beat was out, or the verdict if it was not sent. ``latency``: what the
    hardware measured, in cycles (`FrameResult`). ``out``: bytes sent, empty if it was not.
    """

    index: int
    verdict: Verdict
    targets: tuple[int, ...]
    started: int
    ended: int
    latency: int
    out: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What happened since the last one. ``cycle``: the clock now. ``lost``: indices of frames for which their port's
    queue had no room. ``frames``: those that came through, in the order in which they went in."""

    cycle: int
    lost: list[int]
    frames: list[Passage]


class Device:
    """Ports with receive queues in front of a datapath. ``bus``: its control bus, at any time.

    The clock of frames starts at 0 with the first port. It runs in `step` and `drain` and, once there are ports, during
    transfers on the bus, while frames go on. Cycles in which the hardware has had nothing to do for long are left out.
    """

    def __init__(self, child: Child, netlist: Netlist, recorded: Path | None) -> None:
        self.bus = Bus(child)
        self._child = child
        self._netlist = netlist
        self._recorded = recorded  # where the child writes events, if the program has some
        self._told = 0  # bytes of these that have been told
        self._max_frame = netlist.max_frame
        self._ports: set[int] = set()
        self._count = 0
        self._last = 0

    def port(self, ifindex: int, queue_bytes: int) -> None:
        """Add a port, whose receive queue holds frames of so many bytes together."""
        if not 1 <= ifindex <= MAX_IFINDEX or ifindex in self._ports:
            raise InputError(f"ifindex {ifindex}: give every port another one, from 1 to {MAX_IFINDEX}")
        self._ports.add(ifindex)
        self._child.send(f"port {ifindex} {queue_bytes}")

    def takes(self, size: int) -> bool:
        """Whether a frame of ``size`` bytes fits into the hardware."""
        return length_fault(1, size, self._max_frame) is None

    def arrive(self, frame: Frame, cycle: int) -> int:
        """A frame is received whole in this cycle, or in the next to come if it has passed: the frame's index.

        Cycles never go back from one frame to the next. Raises `InputError` for a frame that does not fit.
        """
        if fault := length_fault(self._count + 1, len(frame.data), self._max_frame):
            raise InputError(fault)
        if frame.ifindex not in self._ports:
            raise InputError(f"there is no port with ifindex {frame.ifindex}")
        if cycle < self._last:
            raise ValueError(f"cycle {cycle} is before {self._last}")
        self._last = cycle
        self._child.send(f"f {frame.ifindex} {frame.rx_queue} {cycle} {frame.time_ns} {frame.data.hex()}")
        self._count += 1
        return self._count - 1

    def step(self, until: int) -> Report:
        """Let the clock run until cycle ``until`` begins."""
        return self._report(f"step {until}")

    def drain(self) -> Report:
        """Let the clock run until every frame has come through."""
        return self._report("drain")

    def events(self) -> Iterator[tuple[int, Event]]:
        """What the program has told the host since the last call: the frame's index and the event.

        To be asked when nothing is inside, as after `drain`, and taken to the end. Until somebody does, or forgets them
        (`forget_events`), they take room on the disk.
        """
        if self._recorded is None:
            return
        with open(self._recorded, encoding="ascii") as file:
            file.seek(self._told)
            yield from decode_lines(iter(file.readline, ""), self._netlist.events, self._netlist.width)
        self.forget_events()

    def forget_events(self) -> None:
        """Nobody wants to know what the program has told until now; to be said when nothing is inside."""
        if self._recorded is not None:
            # The child goes on writing behind what it has written, so this leaves a hole in the file, without blocks.
            self._told = max(self._told, self._recorded.stat().st_size)
            os.truncate(self._recorded, 0)

    def _report(self, command: str) -> Report:
        self._child.send(command)
        answer = self._child.answer()
        frames = [
            Passage(index, *_way(verdict, redirect), started, ended, latency, bytes.fromhex(out))
            for index, verdict, redirect, started, ended, latency, out in answer["frames"]
        ]
        return Report(answer["cycle"], answer["lost"], frames)


def _way(verdict: int, redirect: int) -> tuple[Verdict, tuple[int, ...]]:
    meaning, target = decoded(verdict, redirect)
    return meaning, target if isinstance(target, tuple) else (target,)


@contextmanager
def stepping(engine: Engine, netlist: Netlist, options: Options = DEFAULTS) -> Iterator[Device]:
    """A device, after reset, for as long as the context lasts. ``options.rate``, ``skip_bad`` and ``events_out`` mean
    nothing here."""
    engine.prepare(netlist, options)
    with ExitStack() as stack:
        recorded = None
        if netlist.events:
            recorded = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hardpath-"))) / "events.jsonl"
        with engine.start(netlist, None, replace(options, events_out=recorded)) as child:
            yield Device(child, netlist, recorded)
            child.quit()
