"""Scenario files: a program, a NIC around it, and what arrives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..codegen.flow import maps_of
from ..codegen.inner_maps import value_names
from ..hdl.errors import InputError
from ..hdl.frame_sizes import LONGEST_FRAME, MIN_FRAME, WIDTHS
from ..hdl.target import Target
from ..sim import program
from ..sim.captures import MAX_IFINDEX
from ..sim.mapfile import parse_key, parse_value
from ..sim.session import refuse_frozen
from ..sim.timing import Rate
from ..sim.traffic import traffic as frames_of
from .settings import Section, duration, flag, number, size, text, whole
from .wire import SECOND, Line

U32 = (1 << 32) - 1


@dataclass(frozen=True)
class Traffic:
    """A stream of frames into a port from the line, or from the host to be sent (``host``).

    ``frames``: a mix or packets in scapy's notation; else ``capture``. ``rate``: None sends a capture as its
    timestamps say, ``pace`` times as fast. ``burst``: so many frames at a time, at the same rate on average.
    ``start``, ``stop``: ps. ``count``: at most so many frames. ``repeat``: the capture again and again. ``queue``:
    rx_queue_index of frames, None: as in the capture.
    """

    frames: str | None
    capture: Path | None
    rate: Rate | None
    pace: float
    burst: int
    start: int
    stop: int
    count: int | None
    repeat: bool
    seed: int
    queue: int | None
    host: bool


@dataclass(frozen=True)
class PortSettings:
    """``rx_queue``: bytes. ``tx_queue``, ``host_queue``: frames. ``host_interval``: ps that the host takes for a
    frame, 0: none."""

    name: str
    ifindex: int
    line: Line
    rx_queue: int = 64 << 10
    tx_queue: int = 512
    host_queue: int = 1024
    host_interval: int = 0
    traffic: tuple[Traffic, ...] = ()


@dataclass(frozen=True)
class TargetQueue:
    """What a CPU (of a cpumap) or a socket (of an xskmap) takes: ``depth`` frames wait, ``interval`` ps for each."""

    depth: int = 2048
    interval: int = 0


@dataclass(frozen=True)
class MapUpdate:
    """What the host does with a map while frames pass. ``at``: ps. ``value``: None deletes the entry."""

    at: int
    map: str
    key: bytes
    value: bytes | None


@dataclass(frozen=True)
class Build:
    """How to make the hardware."""

    target: Target
    max_window: int
    zero_stack: bool

    def compile(self, verified: program.Verified, progress: Callable[[str], None]) -> program.Hardware:
        return verified.compile(
            self.target, max_window=self.max_window, zero_stack=self.zero_stack, progress=progress
        )


@dataclass(frozen=True)
class Scenario:
    """``duration``: ps in which frames may start; then everything inside still comes out. ``updates``: by time."""

    program: program.Program
    build: Build
    duration: int
    ports: tuple[PortSettings, ...]
    redirect_queue: TargetQueue
    updates: tuple[MapUpdate, ...] = ()


def read_scenario(path: Path) -> Scenario:
    """A scenario file; names of files in it are relative to its folder. Raises `InputError` naming the setting."""
    top = Section.read(path)
    folder = path.parent
    length = top.needed("duration", _some_time)
    target = top.section("target")
    build = Build(
        Target(
            clock_mhz=target.parsed("clock", number(1, 500), Target.clock_mhz),
            width=target.parsed("width", _width, Target.width),
            max_frame=target.parsed("max-frame", whole(MIN_FRAME, LONGEST_FRAME), Target.max_frame),
        ),
        max_window=target.parsed("max-window", whole(MIN_FRAME, LONGEST_FRAME), LONGEST_FRAME),
        zero_stack=target.parsed("zero-stack", flag, False),
    )
    target.finish()
    queue = top.section("redirect-queue")
    redirect_queue = TargetQueue(
        queue.parsed("depth", whole(1, U32), TargetQueue.depth), queue.parsed("rate", _interval, 0)
    )
    queue.finish()
    ports = tuple(_port(port, i, folder, length) for i, port in enumerate(top.sections("ports"), 1))
    if not ports:
        raise InputError(f"{top.where}: ports is missing: a NIC has at least one")
    for what in ("name", "ifindex"):
        values = [getattr(port, what) for port in ports]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise InputError(f"{top.where}: two ports have {what} {twice}: give every port another one")
    loaded = _program(top, folder)
    updates = sorted((_update(each, loaded, length) for each in top.sections("map-updates")), key=lambda each: each.at)
    top.finish()
    return Scenario(loaded, build, length, ports, redirect_queue, tuple(updates))


def _program(top: Section, folder: Path) -> program.Program:
    maps = top.get("maps")
    return program.load(
        folder / top.needed("object", text),
        program=top.parsed("program", text, None),
        section=top.parsed("section", text, None),
        maps=folder / maps if isinstance(maps, str) else maps,
        fib=top.parsed("fib", lambda name: folder / text(name), None),
        map_sizes=_numbers(top.section("map-size"), 1),
        variables=_numbers(top.section("set"), -(1 << 63)),
    )


def _update(section: Section, loaded: program.Program, length: int) -> MapUpdate:
    at, name = section.needed("at", duration), section.needed("map", text)
    if at > length:
        raise InputError(f"{section.where}: at: this is after the scenario's duration")
    used = maps_of(loaded.program, loaded.spec.maps)
    if name not in used:
        known = ", ".join(sorted(used)) or "none"
        raise InputError(f"{section.where}: map: the program uses no map {name!r}; it uses {known}")
    spec, names = used[name], value_names(used[name], [each.name for each in loaded.spec.programs])
    key = parse_key(section.required("key"), spec, f"{section.where}: key")
    refuse_frozen({name: {}}, used)
    written = section.get("value")
    value = None if written is None else parse_value(written, spec, names, f"{section.where}: value")
    section.finish()
    return MapUpdate(at, name, key, value)


def _numbers(section: Section, low: int) -> dict[str, int]:
    return {name: section.needed(name, whole(low, (1 << 64) - 1)) for name, _ in section.items()}


def _width(value: Any) -> int:
    if value not in WIDTHS:
        raise InputError(f"{value!r}: give one of {', '.join(map(str, WIDTHS))} bytes")
    return int(value)


def _some_time(value: Any) -> int:
    """More than 0 ps."""
    found = duration(value)
    if not found:
        raise InputError(f"{value!r}: nothing happens in no time: give more, as 2ms")
    return found


def _interval(value: Any) -> int:
    """``2Mpps``: ps from frame to frame."""
    written, rate = text(value), Rate()
    with suppress(InputError):
        rate = Rate.parse(written)
    if not rate.frames_per_second:
        raise InputError(f"{value!r}: give frames a second as 1.5Mpps")
    return SECOND // rate.frames_per_second


def _port(port: Section, position: int, folder: Path, length: int) -> PortSettings:
    line = port.needed("speed", lambda value: Line.parse(text(value)))
    made = PortSettings(
        name=port.parsed("name", text, f"eth{position - 1}"),
        ifindex=port.parsed("ifindex", whole(1, MAX_IFINDEX), position),
        line=line,
        rx_queue=port.parsed("rx-queue", size, PortSettings.rx_queue),
        tx_queue=port.parsed("tx-queue", whole(1, U32), PortSettings.tx_queue),
        host_queue=port.parsed("host-queue", whole(1, U32), PortSettings.host_queue),
        host_interval=port.parsed("host-rate", _interval, 0),
        traffic=tuple(_traffic(traffic, line, folder, length) for traffic in port.sections("traffic")),
    )
    port.finish()
    return made


def _traffic(section: Section, line: Line, folder: Path, length: int) -> Traffic:
    frames, capture = section.parsed("frames", _frames, None), section.parsed("capture", text, None)
    if (frames is None) == (capture is None):
        raise InputError(f"{section.where}: give either frames (a mix or scapy's notation) or a capture")
    as_captured = section.get("rate") is None and capture is not None
    made = Traffic(
        frames=frames,
        capture=None if capture is None else folder / capture,
        rate=None if as_captured else section.parsed("rate", _rate(line), Rate(bits_per_second=line.bits_per_second)),
        pace=section.parsed("pace", number(1e-6, 1e6), 1.0),
        burst=section.parsed("burst", whole(1, U32), 1),
        start=section.parsed("start", duration, 0),
        stop=section.parsed("stop", duration, length),
        count=section.parsed("count", whole(0, U32), None),
        repeat=section.parsed("repeat", flag, False),
        seed=section.parsed("seed", whole(0, U32), 1),
        queue=section.parsed("queue", whole(0, U32), None),
        host=section.parsed("from", _from, "line") == "host",
    )
    if as_captured and (made.repeat or made.burst > 1):
        raise InputError(f"{section.where}: a capture that is repeated or sent in bursts needs a rate, as 1G or 10%")
    if not as_captured and section.get("pace") is not None:
        raise InputError(f"{section.where}: pace is for a capture with its own times; this stream has a rate")
    section.finish()
    return made


def _frames(value: Any) -> str:
    """The name of a mix, or packets: tried here, where the place is known."""
    written = text(value)
    frames_of(written, 0)
    return written


def _rate(line: Line) -> Callable[[Any], Rate]:
    def parse(value: Any) -> Rate:
        written = text(value).strip()
        if not written.endswith("%"):
            return Rate.parse(written)
        try:
            share = float(written[:-1])
        except ValueError:
            share = 0.0
        if not 0 < share <= 100:
            raise InputError(f"{value!r}: give a share of the line above 0% and up to 100%")
        rate = round(line.bits_per_second * share / 100)
        if not rate:
            raise InputError(f"{value!r} of {line} is less than a bit a second: give more")
        return Rate(bits_per_second=rate)

    return parse


def _from(value: Any) -> str:
    if value not in ("line", "host"):
        raise InputError(f"{value!r}: frames are from the line or from the host")
    return str(value)
