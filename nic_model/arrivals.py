"""When the frames of a scenario come: streams, put in order on each port's line."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

from ..hdl.errors import InputError
from ..hdl.line_rate import slot_bits
from ..sim.captures import Frame, read_capture
from ..sim.timing import Rate
from ..sim.traffic import traffic
from .scenario import PortSettings, Traffic
from .wire import SECOND, Transmitter

FOREVER = 1 << 62  # frames


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame on a port's line. ``first``, ``last``: ps of its first and last bit, preamble and FCS included."""

    first: int
    last: int
    port: int  # position among the ports
    frame: Frame


def arrivals(ports: Iterable[PortSettings], end: int) -> Iterator[Arrival]:
    """What comes in from all lines, in the order of last bits; of equal ones the first port's first. The first bits
    come before ``end`` ps."""
    return heapq.merge(*(_line(i, port, end) for i, port in enumerate(ports)), key=lambda a: (a.last, a.port))


def from_host(ports: Iterable[PortSettings], end: int) -> Iterator[tuple[int, int, bytes]]:
    """What the host wants to send: ps, position of the port, bytes; in order of time."""

    def port(i: int, settings: PortSettings) -> Iterator[tuple[int, int, bytes]]:
        for at, frame in _merged(settings, host=True, end=end):
            yield at, i, frame.data

    return heapq.merge(*(port(i, settings) for i, settings in enumerate(ports)), key=lambda item: item[:2])


def _line(position: int, port: PortSettings, end: int) -> Iterator[Arrival]:
    """A port's streams one after the other on its line."""
    line = Transmitter(port.line)
    for at, frame in _merged(port, host=False, end=end):
        first, last = line.send(at, len(frame.data))
        if first >= end:
            return
        yield Arrival(first, last, position, replace(frame, ifindex=port.ifindex, time_ns=last // 1000))


def _merged(port: PortSettings, *, host: bool, end: int) -> Iterator[tuple[int, Frame]]:
    streams = [_stream(stream, end) for stream in port.traffic if stream.host is host]
    return heapq.merge(*streams, key=lambda item: item[0])


def _stream(stream: Traffic, end: int) -> Iterator[tuple[int, Frame]]:
    """When each frame of a stream should start, in ps."""
    timed = _captured(stream) if stream.rate is None else _paced(stream, stream.rate)
    for at, frame in islice(timed, stream.count):
        if at >= min(stream.stop, end):
            return
        yield at, frame if stream.queue is None else replace(frame, rx_queue=stream.queue)


def _captured(stream: Traffic) -> Iterator[tuple[int, Frame]]:
    """As the capture's timestamps say, times the pace, the first frame at the stream's start."""
    assert stream.capture is not None
    first, last = None, 0
    for number, frame in enumerate(read_capture(stream.capture), 1):
        first = frame.time_ns if first is None else first
        at = stream.start + round((frame.time_ns - first) * 1000 / stream.pace)
        if at < last:
            raise InputError(
                f"{stream.capture}: packet {number} is from before the one in front of it: sort the capture, or give "
                "a rate"
            )
        last = at
        yield at, frame


def _paced(stream: Traffic, rate: Rate) -> Iterator[tuple[int, Frame]]:
    """Evenly at a rate; in bursts, the frames of a burst all want to start when its first does."""
    total = at = 0  # ps times the rate
    for number, frame in enumerate(_frames(stream)):
        if number % stream.burst == 0:
            at = stream.start + total // (rate.bits_per_second or rate.frames_per_second)
        yield at, frame
        total += SECOND * (slot_bits(len(frame.data)) if rate.bits_per_second else 1)


def _frames(stream: Traffic) -> Iterator[Frame]:
    if stream.frames is not None:
        yield from traffic(stream.frames, FOREVER, stream.seed)
        return
    assert stream.capture is not None
    for _ in count() if stream.repeat else range(1):
        empty = True
        for frame in read_capture(Path(stream.capture)):
            empty = False
            yield frame
        if empty:
            return
