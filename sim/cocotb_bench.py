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
from typing import IO, Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from ..hdl.errors import InputError
from .captures import Frame, fitting, read_capture, read_stream
from .cocotb_bench_verilog import ACCEPTED, EVENT, RESULT, SENT, TRANSFERRED
from .driver import Results, Sink, Source
from .engine import SETTINGS, SimulationError
from .pcapng import PcapngWriter
from .timing import Coin, Rate


class Bench:
    """The pins and the answers to commands."""

    def __init__(self, dut: Any, settings: dict[str, str], frames: Iterable[Frame]) -> None:
        self._dut = dut
        self._edge = FallingEdge(dut.clk)
        self._settings = settings
        self._frames = frames
        self._patience = int(settings["patience"])

    async def reset(self) -> None:
        """As in `native/main.cpp`: four cycles of reset and one more."""
        dut = self._dut
        dut.rst.value, dut.rx.value, dut.bus.value, dut.take.value = 1, 0, 0, 1
        Clock(dut.clk, int(self._settings["period_ps"]) // 2 * 2, unit="ps", impl="gpi").start(start_high=False)
        for cycle in range(5):
            dut.rst.value = cycle < 4
            await self._edge

    async def transfer(self, address: int, data: int | None) -> int:
        """One word over the control bus; ``data`` None reads."""
        write = data is not None
        self._dut.bus.value = 1 << 49 | write << 48 | address << 32 | (data or 0)
        for _ in range(self._patience + 1):
            await self._edge
            if int(self._dut.events.value) & TRANSFERRED:
                self._dut.bus.value = 0
                return int(self._dut.bus_rdata.value) if not write else 0
        raise SimulationError(
            f"the control bus did not answer at address {address} within {self._patience} cycles"
        )

    async def run(self) -> dict[str, Any]:
        """Send the whole input through and wait for every result: the figures of the run."""
        frames_out, capture_out = self._settings["frames_out"], self._settings["capture_out"]
        events_out = self._settings["events_out"]
        with ExitStack() as files:
            lines = files.enter_context(open(frames_out, "w", encoding="ascii")) if frames_out else None
            capture = files.enter_context(open(capture_out, "wb")) if capture_out else None
            events = files.enter_context(open(events_out, "w", encoding="ascii")) if events_out else None
            return await self._run(Results(lines, PcapngWriter(capture) if capture else None, events))

    async def _run(self, results: Results) -> dict[str, Any]:
        settings = {name: int(value) for name, value in self._settings.items() if value.isdigit()}
        width, period_ps = settings["width"], settings["period_ps"]
        rate = Rate(settings["bits_per_second"], settings["frames_per_second"])
        offer = Coin(settings["offer"], settings["offer_seed"])
        take = Coin(settings["take"], settings["take_seed"])
        skipped: list[int] = []
        frames = fitting(
            self._frames, self._settings["name"], settings["max_frame"], skipped if settings["skip_bad"] else None
        )
        source = Source(frames, width, rate, settings["clock_hz"], offer)
        sink = Sink(source, results, width, period_ps, settings["event_bytes"])
        rx, tx, result, events, ready = (
            getattr(self._dut, name) for name in ("rx", "tx", "result", "events", "take")
        )
        on_pins, was_ready = 0, True
        cycle = last_result = quiet = 0
        while not source.done or source.inside:
            idle = source.waits(cycle) and not source.inside
            beat = source.offer(cycle)
            if beat is not on_pins:
                rx.value = on_pins = beat
            is_ready = take.toss()
            if is_ready is not was_ready:
                ready.value = was_ready = is_ready
            await self._edge
            happened = int(events.value)
            if happened & EVENT:
                sink.event(int(self._dut.event_out.value))
            if happened & SENT:
                sink.beat(int(tx.value))
            if happened & RESULT:
                sink.result(int(result.value))
                last_result = cycle
            if happened & ACCEPTED:
                source.accepted(cycle)
            quiet = 0 if happened or idle else quiet + 1
            if quiet > self._patience:
                raise SimulationError(f"the datapath stands still for {quiet - 1} cycles: {source.where()}")
            cycle += 1
        rx.value, ready.value = 0, 1
        return {
            **results.figures(),
            "skipped": len(skipped),
            "first_accepted": source.first_accepted,
            "last_accepted": source.last_accepted,
            "last_result": last_result,
        }


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
    bench = Bench(dut, settings, frames)
    try:
        await bench.reset()
        for line in connection.makefile("r", encoding="utf-8"):
            command, *numbers = line.split()
            if command == "w":
                await bench.transfer(int(numbers[0]), int(numbers[1]))
            elif command == "r":
                _answer(answers, await bench.transfer(int(numbers[0]), None))
            elif command == "run":
                _answer(answers, await bench.run())
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


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def _answer(answers: IO[str], answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


hardpath_bench = cocotb.test()(serve)
