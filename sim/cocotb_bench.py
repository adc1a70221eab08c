"""The simulator's side of the cocotb engine: answers the commands of `sim.engine` with the datapath's pins.

cocotb imports this module inside the simulator. Verilog around the netlist samples the outputs at the clock edge, so
that Python is entered once a cycle, at the falling edge: it learns what happened and sets the inputs of the next cycle.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cached_property
from typing import IO, Any, BinaryIO

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from ..hdl.errors import InputError
from .captures import Frame, fitting, read_capture, read_stream
from .cocotb_bench_verilog import ACCEPTED, EVENT, RESULT, SENT, TRANSFERRED
from .driver import Results, Sink, Source
from .engine import SETTINGS, SimulationError
from .pcapng import PcapngWriter
from .ports import REST, Paced, Ports, Supply
from .results import FrameResult
from .timing import Coin, Rate


class Flow:
    """Frames in and out, cycle by cycle."""

    def __init__(self, dut: Any, settings: dict[str, str], supply: Supply, results: Results) -> None:
        numbers = {name: int(value) for name, value in settings.items() if value.isdigit()}
        self._dut = dut
        self._edge = FallingEdge(dut.clk)
        self._patience = numbers["patience"]
        self._take = Coin(numbers["take"], numbers["take_seed"])
        self.source = Source(supply, numbers["width"], Coin(numbers["offer"], numbers["offer_seed"]))
        self._sink = Sink(
            self.source, results, numbers["width"], numbers["period_ps"], numbers["event_bytes"], self._tell
        )
        self._rx, self._tx, self._result, self._events, self._ready = (
            getattr(dut, name) for name in ("rx", "tx", "result", "events", "take")
        )
        self._on_pins, self._was_ready = 0, True
        self._quiet = 0
        self.cycle = self.last_result = 0
        self.told: list[list[int | str]] = []  # of every frame what `_tell` makes of it

    def _tell(self, result: FrameResult, verdict: int, redirect: int, started: int) -> None:
        """Index, verdict, redirect, first beat in, end, latency, bytes out."""
        out = "" if result.out is None else result.out.hex()
        self.told.append([result.index, verdict, redirect, started, self.cycle, result.latency_cycles or 0, out])

    async def tick(self) -> int:
        """One cycle; what happened in it."""
        beat = self.source.offer(self.cycle)
        if beat is not self._on_pins:
            self._rx.value = self._on_pins = beat
        is_ready = self._take.toss()
        if is_ready is not self._was_ready:
            self._ready.value = self._was_ready = is_ready
        await self._edge
        happened = int(self._events.value)
        if happened & EVENT:
            self._sink.event(int(self._dut.event_out.value))
        if happened & SENT:
            self._sink.beat(int(self._tx.value))
        if happened & RESULT:
            self._sink.result(int(self._result.value))
            self.last_result = self.cycle
        if happened & ACCEPTED:
            self.source.accepted(self.cycle)
        moved = happened & (EVENT | SENT | RESULT | ACCEPTED)
        self._quiet = 0 if moved or not self.source.busy else self._quiet + 1
        if self._quiet > self._patience:
            raise SimulationError(f"the datapath stands still for {self._quiet - 1} cycles: {self.source.where()}")
        self.cycle += 1
        return happened

    def end(self) -> None:
        """Leave the pins as they were before the first frame."""
        self._rx.value, self._ready.value = 0, 1


class Bench:
    """The pins and the answers to commands. ``files``: closes what it opens."""

    def __init__(self, dut: Any, settings: dict[str, str], frames: Iterable[Frame], files: ExitStack) -> None:
        self._dut = dut
        self._edge = FallingEdge(dut.clk)
        self._settings = settings
        self._frames = frames
        self._files = files
        self._patience = int(settings["patience"])
        self._ports = Ports()
        self._resting = 0

    async def reset(self) -> None:
        """As in `native/main.cpp`: four cycles of reset and one more."""
        dut = self._dut
        dut.rst.value, dut.rx.value, dut.bus.value, dut.take.value = 1, 0, 0, 1
        Clock(dut.clk, int(self._settings["period_ps"]) // 2 * 2, unit="ps", impl="gpi").start(start_high=False)
        for cycle in range(5):
            dut.rst.value = cycle < 4
            await self._edge

    async def transfer(self, address: int, data: int | None) -> int:
        """One word over the control bus; ``data`` None reads. Once there are ports, frames go on meanwhile."""
        write = data is not None
        self._dut.bus.value = 1 << 49 | write << 48 | address << 32 | (data or 0)
        for _ in range(self._patience + 1):
            if self._ports.used:
                happened = await self._flow.tick()
            else:
                await self._edge
                happened = int(self._dut.events.value)
            if happened & TRANSFERRED:
                self._dut.bus.value = 0
                self._resting = 0
                return int(self._dut.bus_rdata.value) if not write else 0
        raise SimulationError(
            f"the control bus did not answer at address {address} within {self._patience} cycles"
        )

    @cached_property
    def _results(self) -> Results:
        def text(path: str) -> IO[str] | None:
            return self._files.enter_context(open(path, "w", encoding="ascii")) if path else None

        def binary(path: str) -> BinaryIO | None:
            return self._files.enter_context(open(path, "wb")) if path else None

        lines, events = text(self._settings["frames_out"]), text(self._settings["events_out"])
        capture = binary(self._settings["capture_out"])
        return Results(lines, PcapngWriter(capture) if capture else None, events)

    async def run(self) -> dict[str, Any]:
        """Send the whole input through and wait for every result: the figures of the run."""
        settings = {name: int(value) for name, value in self._settings.items() if value.isdigit()}
        rate = Rate(settings["bits_per_second"], settings["frames_per_second"])
        skipped: list[int] = []
        results = self._results
        frames = fitting(
            self._frames, self._settings["name"], settings["max_frame"], skipped if settings["skip_bad"] else None
        )
        paced = Paced(frames, rate, settings["clock_hz"])
        flow = Flow(self._dut, self._settings, paced, results)
        while not paced.done or flow.source.busy:
            await flow.tick()
            flow.told.clear()
        flow.end()
        self._files.close()
        return {
            **results.figures(),
            "skipped": len(skipped),
            "first_accepted": flow.source.first_accepted,
            "last_accepted": flow.source.last_accepted,
            "last_result": flow.last_result,
        }

    # Stepping

    @cached_property
    def _flow(self) -> Flow:
        return Flow(self._dut, self._settings, self._ports, self._results)

    def port(self, ifindex: int, size: int) -> None:
        """A port whose receive queue takes ``size`` bytes."""
        self._ports.add(ifindex, size)

    def arrive(self, cycle: int, frame: Frame) -> None:
        """A frame is complete in its port's receiver."""
        self._ports.arrive(cycle, frame)

    async def step(self, until: int | None) -> dict[str, Any]:
        """Let the clock run to a cycle, or until nothing is inside: what came out."""
        flow, ports = self._flow, self._ports
        while flow.cycle < until if until is not None else not ports.done or flow.source.busy:
            idle = not flow.source.busy and ports.empty
            self._resting = self._resting + 1 if idle else 0
            wake = ports.next_arrival(until)
            if self._resting > REST and wake is not None and wake > flow.cycle:
                flow.cycle = wake
            else:
                await flow.tick()
        report = {"cycle": flow.cycle, "lost": ports.lost(), "frames": list(flow.told)}
        flow.told.clear()
        self._results.flush()
        return report


async def serve(dut: Any) -> None:
    """Answer commands until ``quit``."""
    settings = json.loads(os.environ[SETTINGS])
    connection = _connect(settings["socket"])
    frames: Iterable[Frame]
    if "input" in settings:
        frames = read_capture(settings["input"])
    else:
        frames = read_stream(_connect(settings["socket"]).makefile("rb"), settings["name"])
    answers = connection.makefile("w", encoding="utf-8")
    files = ExitStack()
    bench = Bench(dut, settings, frames, files)
    try:
        await bench.reset()
        for line in connection.makefile("r", encoding="utf-8"):
            command, *words = line.split()
            if command == "f":
                ifindex, queue, cycle, time_ns = (int(word) for word in words[:4])
                bench.arrive(cycle, Frame(bytes.fromhex(words[4]), ifindex, queue, time_ns))
                continue
            numbers = [int(word) for word in words]
            if command == "w":
                await bench.transfer(numbers[0], numbers[1])
            elif command == "r":
                _answer(answers, await bench.transfer(numbers[0], None))
            elif command == "run":
                _answer(answers, await bench.run())
            elif command == "port":
                bench.port(numbers[0], numbers[1])
            elif command in ("step", "drain"):
                _answer(answers, await bench.step(numbers[0] if numbers else None))
            else:
                return
    except InputError as error:
        _answer(answers, {"error": "input", "message": str(error)})
    except OSError as error:
        message = f"{error.filename}: cannot write: {error.strerror}: choose another place"
        _answer(answers, {"error": "input", "message": message})
    except ValueError as error:  # cocotb's int() of a signal with X bits, which only Icarus has
        _answer(answers, {"error": "simulation", "message": f"the datapath gives undefined bits: {error}"})
    except SimulationError as error:
        _answer(answers, {"error": "simulation", "message": str(error)})
    finally:
        files.close()


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def _answer(answers: IO[str], answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


hardpath_bench = cocotb.test()(serve)
