"""The protocol of the simulation engines, and what they share.

An engine compiles a netlist and starts it as a child process. Parent and child talk in lines (the child answers in
JSON): ``w ADDRESS DATA`` and ``r ADDRESS`` on the control bus, ``run`` for the whole input, ``stop`` to end it early,
``quit``, and those of `sim.stepping`. Frames reach the child as a capture file or, when they come from Python, as the
same bytes through a pipe; results leave it as files.
Cycle by cycle both children do what `sim.driver` says, so their results are equal to the byte.
"""

from __future__ import annotations

import json
import select
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from ..hdl.errors import HardpathError, InputError
from ..hdl.helpers.events import EventKind
from .captures import Frame, refuse_pipe, write_frames
from .event_values import EventType
from .events import decode_file
from .results import FrameResult, Verdict
from .statistics import Latency
from .timeline import Timeline
from .timing import BACK_TO_BACK, CERTAIN, Rate, coin_seed

if TYPE_CHECKING:
    from .control_client import ControlClient

SETTINGS = "HARDPATH_BENCH"  # environment variable of the cocotb child: `child_settings` as JSON


class SimulationError(HardpathError):
    """The simulated hardware or its simulator did something that it must not do: a fault of ours, not the user's."""


@dataclass(frozen=True)
class Netlist:
    """Verilog of a module ``hardpath`` with the ports of docs/architecture.md ("Datapath").

    ``width``: bytes a beat (W). ``max_frame``: longest frame in bytes that it takes. ``registers``: whether
    the register map of `hdl.registers` is behind the control bus. ``events``: the kinds of its events, by site.
    """

    verilog: str
    width: int
    max_frame: int = 2048
    clock_mhz: float = 125.0
    registers: bool = True
    events: tuple[EventKind, ...] = ()

    @property
    def event_bytes(self) -> int:
        """Bytes of port ``event_data``, 0 if there is none."""
        if not self.events:
            return 0
        from ..hdl.events import EventShape, data_bytes  # loads Amaranth, which the cocotb child should not wait for

        return data_bytes([EventShape(sum(kind.widths), kind.tail) for kind in self.events], self.width)

    @property
    def period_ps(self) -> int:
        """Length of a cycle in whole picoseconds."""
        return round(1e6 / self.clock_mhz)


@dataclass(frozen=True)
class Options:
    """How to run.

    ``rate``: how fast frames arrive. ``offer``, ``take``: chance that a cycle offers a beat or is ready for one (1.0:
    always; less is for tests), drawn with ``seed``. ``frames_out``: JSON lines, one a frame. ``capture_out``: pcapng
    with verdicts; frames that were not sent keep their bytes as received. ``events_out``: JSON lines, one an event
    (`sim.events`), with the values of records by ``event_types`` (map name -> type). ``waves``: FST or VCD by suffix.
    ``skip_bad``: leave out frames that are too short or too long instead of raising. ``patience``: cycles without
    any progress after which the hardware is declared stuck. ``cache``: folder for compiled simulations. ``quick``:
    compile without optimisation, in half the time, which pays for some thousand frames (engine verilator only).
    """

    rate: Rate = BACK_TO_BACK
    offer: float = 1.0
    take: float = 1.0
    seed: int = 1
    frames_out: Path | None = None
    capture_out: Path | None = None
    events_out: Path | None = None
    event_types: Mapping[str, EventType] = field(default_factory=dict)
    waves: Path | None = None
    skip_bad: bool = False
    patience: int = 50_000
    cache: Path | None = None
    quick: bool = False


DEFAULTS = Options()


TRANSFERS_AT_A_TIME = 1024
"""How many the child gets before its answers are read: neither side may fill a pipe that the other does not empty."""


class Bus:
    """The control bus: 32-bit words at word addresses. Writes are sent in bulk."""

    def __init__(self, child: Child) -> None:
        self._child = child

    @cached_property
    def client(self) -> ControlClient:
        """The device behind the bus: maps and counters."""
        from .control_client import ControlClient  # loads Amaranth, which the cocotb child should not wait for

        return ControlClient(self.transfer)

    def write(self, address: int, data: int) -> None:
        """Write one word."""
        self._child.send(f"w {address} {data}")

    def read(self, address: int) -> int:
        """Read one word, after all earlier writes."""
        return self.transfer([(address, None)])[0]

    def transfer(self, transfers: Sequence[tuple[int, int | None]]) -> list[int]:
        """Carry out (address, word to write or None to read) in order; the words read."""
        words: list[int] = []
        for first in range(0, len(transfers), TRANSFERS_AT_A_TIME):
            reads = 0
            for address, word in transfers[first : first + TRANSFERS_AT_A_TIME]:
                self._child.send(f"r {address}" if word is None else f"w {address} {word}")
                reads += word is None
            words += [self._child.word() for _ in range(reads)]
        return words

    def look(self) -> None:
        """See whether the run that is under way has ended; raises what a run raises if that was by a fault."""
        self._child.look()

    def stop(self) -> None:
        """End the input of the run that is under way: frames that are inside still come out."""
        self._child.stop()


BusRoutine = Callable[[Bus], None]


@dataclass(frozen=True)
class RunResult:
    """The figures of a run.

    ``cycles``: from the first beat in to the last result, both included. ``cycles_per_frame``: sustained, (cycle of the
    last frame's first beat in - that of the first frame's) / (frames - 1); None for fewer than two frames.
    ``latency``: first beat in to first beat out, or to the verdict of frames that are not sent, of all frames and by
    verdict; ``latency_last``: to the last beat out. ``timeline``: the same latencies by the cycle of the first beat in.
    ``skipped``: bad frames left out. ``stalls``: cycles in which each cause held frames back.
    ``wall_s``: seconds for input, simulation and output, without compiling and without ``setup`` and ``teardown``.
    """

    engine: str
    frames: int
    skipped: int
    verdicts: Mapping[Verdict, int]
    cycles: int
    cycles_per_frame: float | None
    latency: Latency
    by_verdict: Mapping[Verdict, Latency]
    latency_last: Latency
    timeline: Timeline
    stalls: Mapping[str, int]
    wall_s: float
    frames_out: Path | None = None

    def results(self) -> Iterator[FrameResult]:
        """The records in ``frames_out``, in input order."""
        if self.frames_out is None:
            raise ValueError("this run did not write its frames: set Options.frames_out")
        return read_results(self.frames_out)

    def as_json(self) -> dict[str, Any]:
        """What ``sim --json`` prints, without the program."""
        return {
            "engine": self.engine,
            "frames": self.frames,
            "skipped": self.skipped,
            "verdicts": {str(verdict): count for verdict, count in self.verdicts.items()},
            "cycles": self.cycles,
            "cycles_per_frame": self.cycles_per_frame,
            "latency": self.latency.summary(),
            "latency_by_verdict": {str(v): each.summary() for v, each in self.by_verdict.items() if each.frames},
            "timeline": self.timeline.document(),
            "stalls": dict(self.stalls),
            "wall_s": round(self.wall_s, 3),
        }


def read_results(path: Path) -> Iterator[FrameResult]:
    """Records of a ``frames_out`` file."""
    with open(path, encoding="ascii") as lines:
        for line in lines:
            record = json.loads(line)
            record["verdict"] = Verdict[record["verdict"].removeprefix("XDP_")]
            record["out"] = None if record["out"] is None else bytes.fromhex(record["out"])
            if isinstance(record["redirect"], list):
                record["redirect"] = tuple(record["redirect"])
            yield FrameResult(**record)


class Child(ABC):
    """A running simulation: lines out, JSON in, and a pipe for frames."""

    commands: IO[str]
    answers: IO[str]
    frames: BinaryIO | None  # where frames from Python go; None when the child reads a capture by itself
    stopped = False
    ended: float | None = None  # when the figures of a run came, by time.perf_counter
    _figures: dict[str, Any] | None = None

    @abstractmethod
    def obituary(self) -> str:
        """Why it ended without an answer: the last lines it printed."""

    def send(self, command: str) -> None:
        """Queue one command."""
        try:
            self.commands.write(command + "\n")
        except (BrokenPipeError, ConnectionError):
            self.answer()  # tells why it has gone

    def stop(self) -> None:
        """End the input of a run."""
        self.stopped = True
        self.send("stop")
        self.flush()

    def flush(self) -> None:
        """Let it have what is queued."""
        with suppress(BrokenPipeError, ConnectionError):
            self.commands.flush()

    def word(self) -> int:
        """The answer to the oldest unanswered read; the figures of a run that ended before it are kept."""
        while isinstance(answer := self.answer(), dict):
            self._keep(answer)
        return int(answer)

    def look(self) -> None:
        """Take in the figures of the run if it has ended by now; raises as `answer` does if that was by a fault."""
        if self._figures is None and select.select([self.answers], [], [], 0)[0]:
            self._keep(self.answer())

    def figures(self) -> dict[str, Any]:
        """The answer to ``run``, when there are no unanswered reads."""
        if self._figures is None:
            self._keep(self.answer())
        figures, self._figures = self._figures, None
        assert figures is not None
        return figures

    def _keep(self, figures: dict[str, Any]) -> None:
        self._figures, self.ended = figures, time.perf_counter()

    def quit(self) -> None:
        """Let it end."""
        with suppress(BrokenPipeError, ConnectionError):
            self.commands.write("quit\n")
            self.commands.flush()

    def answer(self) -> Any:
        """The answer to the oldest unanswered command. Raises `InputError` or `SimulationError` when it is a fault."""
        self.flush()
        line = self.answers.readline()
        if not line:
            raise SimulationError(f"the simulation ended unexpectedly: {self.obituary()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise (InputError if answer["error"] == "input" else SimulationError)(answer["message"])
        return answer


class Engine(ABC):
    """Runs frames through a netlist. ``live``: whether the control bus can be used while frames pass."""

    name: str
    live = False

    @abstractmethod
    def start(
        self, netlist: Netlist, capture: Path | None, options: Options
    ) -> AbstractContextManager[Child]:
        """The compiled netlist as a child, after reset. ``capture`` None: frames come through `Child.frames`."""

    @abstractmethod
    def prepare(self, netlist: Netlist, options: Options) -> None:
        """Compile the netlist now, so that a later `run` finds it in the cache."""

    def run(
        self,
        netlist: Netlist,
        source: Path | str | Iterable[Frame],
        options: Options = DEFAULTS,
        setup: BusRoutine | None = None,
        teardown: BusRoutine | None = None,
        during: BusRoutine | None = None,
    ) -> RunResult:
        """Send a capture file or frames through the netlist, back to back unless ``options`` say otherwise.

        ``setup`` runs before the first frame (maps in), ``teardown`` after the last (maps out), ``during`` while frames
        pass; the run ends when both have. Raises `InputError` for a broken capture or a frame that does not fit, and
        for ``during`` on an engine that is not ``live``, `SimulationError` when the hardware misbehaves.
        """
        if during is not None and not self.live:
            raise InputError(f"engine {self.name} has no control bus while frames pass: use --engine verilator")
        if options.events_out is not None:
            with tempfile.TemporaryDirectory(prefix="hardpath-") as folder:
                recorded = Path(folder) / "events.jsonl"
                result = self._run(netlist, source, replace(options, events_out=recorded), setup, teardown, during)
                decode_file(recorded, options.events_out, netlist.events, netlist.width, options.event_types)
                return result
        return self._run(netlist, source, options, setup, teardown, during)

    def _run(
        self,
        netlist: Netlist,
        source: Path | str | Iterable[Frame],
        options: Options,
        setup: BusRoutine | None,
        teardown: BusRoutine | None,
        during: BusRoutine | None,
    ) -> RunResult:
        """As `run`, but ``options.events_out`` gets events as they are recorded."""
        capture = Path(source) if isinstance(source, (str, Path)) else None
        if capture is not None:
            refuse_pipe(capture)
            if not capture.is_file():
                raise InputError(f"{capture}: no such file: give an existing pcap or pcapng file")
        self.prepare(netlist, options)
        with self.start(netlist, capture, options) as child:
            bus = Bus(child)
            if setup is not None:
                setup(bus)
            started = time.perf_counter()
            feeder = None if isinstance(source, (str, Path)) else _Feeder(child, source)
            child.send("run")
            try:
                if during is not None:
                    child.flush()
                    during(bus)
                figures = child.figures()
            except BaseException:
                child.stopped = True
                raise
            finally:
                if feeder is not None:
                    feeder.finish()
            wall_s = (child.ended or time.perf_counter()) - started
            stalls = bus.client.stalls() if netlist.registers else {}
            if teardown is not None:
                teardown(bus)
            child.quit()
        return self._result(netlist, options, figures, stalls, wall_s)

    def _result(
        self, netlist: Netlist, options: Options, figures: dict[str, Any], stalls: dict[str, int], wall_s: float
    ) -> RunResult:
        frames = figures["frames"]
        accepting = figures["last_accepted"] - figures["first_accepted"]
        by_verdict = {verdict: Latency(figures["latency"][verdict], netlist.period_ps) for verdict in Verdict}
        return RunResult(
            engine=self.name,
            frames=frames,
            skipped=figures["skipped"],
            verdicts={verdict: each.frames for verdict, each in by_verdict.items()},
            cycles=figures["last_result"] - figures["first_accepted"] + 1 if frames else 0,
            cycles_per_frame=accepting / (frames - 1) if frames > 1 else None,
            latency=Latency(chain.from_iterable(figures["latency"]), netlist.period_ps),
            by_verdict=by_verdict,
            latency_last=Latency(figures["latency_last"], netlist.period_ps),
            timeline=Timeline.parse(figures["timeline"]),
            stalls=stalls,
            wall_s=wall_s,
            frames_out=options.frames_out,
        )

    def results(
        self,
        netlist: Netlist,
        frames: Iterable[Frame],
        options: Options = DEFAULTS,
        setup: BusRoutine | None = None,
        teardown: BusRoutine | None = None,
    ) -> list[FrameResult]:
        """`run` for few enough frames that their results fit in memory."""
        with tempfile.TemporaryDirectory(prefix="hardpath-") as folder:
            options = replace(options, frames_out=Path(folder) / "frames.jsonl")
            return list(self.run(netlist, frames, options, setup, teardown).results())


class _Feeder:
    """Writes frames into the child from a thread, so that neither waits for the other."""

    def __init__(self, child: Child, frames: Iterable[Frame]) -> None:
        assert child.frames is not None
        self._child = child
        self._pipe = child.frames
        self._frames = frames
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        try:
            with self._pipe:
                write_frames(self._pipe, takewhile(lambda _: not self._child.stopped, self._frames))
        except (BrokenPipeError, ConnectionError):
            pass  # the child ended first; its last answer says why
        except BaseException as failure:
            self._failure = failure

    def finish(self) -> None:
        """Wait for the thread and raise what made it fail: the child only saw a short input."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure


def child_settings(netlist: Netlist, name: str, options: Options) -> dict[str, str]:
    """The settings that every child takes; all values as text. ``name``: what messages call the input."""
    return {
        "name": name,
        "frames_out": str(options.frames_out or ""),
        "capture_out": str(options.capture_out or ""),
        "events_out": str(options.events_out or ""),
        "waves": str(options.waves or ""),
        "period_ps": str(netlist.period_ps),
        "clock_hz": str(round(netlist.clock_mhz * 1e6)),
        "bits_per_second": str(options.rate.bits_per_second),
        "frames_per_second": str(options.rate.frames_per_second),
        "offer": str(round(options.offer * CERTAIN)),
        "offer_seed": str(coin_seed(options.seed, 1)),
        "take": str(round(options.take * CERTAIN)),
        "take_seed": str(coin_seed(options.seed, 2)),
        "max_frame": str(netlist.max_frame),
        "patience": str(options.patience),
        "skip_bad": str(int(options.skip_bad)),
        "width": str(netlist.width),
        "event_bytes": str(netlist.event_bytes),
    }
