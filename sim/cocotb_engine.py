"""The cocotb engine: Python drives the netlist inside Verilator, or inside Icarus where there is no C++ compiler."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..codegen.build_cache import BuildCache
from .cocotb_bench_verilog import bench_verilog
from .engine import SETTINGS, Child, Engine, Netlist, Options, SimulationError, child_settings
from .native_build import Recipe, program, trace_flag
from .toolchain import has_compiler, require, require_libpython

BENCH_MODULE = f"{__package__}.cocotb_bench"
TOP = "bench"
POLL_S = 0.2


class CocotbEngine(Engine):
    """Slower than the native engine, and all in Python: the place to look at and to change what drives the pins.

    ``simulator``: ``verilator`` or ``icarus``; by default Verilator if there is a C++ compiler for it.
    """

    name = "cocotb"

    def __init__(self, simulator: str | None = None) -> None:
        self.simulator = simulator or ("verilator" if has_compiler() else "icarus")

    def prepare(self, netlist: Netlist, options: Options) -> None:
        require_libpython()
        self._build(netlist, options)

    @contextlib.contextmanager
    def start(self, netlist: Netlist, capture: Path | None, options: Options) -> Iterator[Child]:
        folder = self._build(netlist, options)
        with tempfile.TemporaryDirectory(prefix="hardpath-") as scratch:
            path = Path(scratch)
            settings = child_settings(netlist, str(capture or "generated traffic"), options)
            settings["socket"] = str(path / "socket")
            for name in ("frames_out", "capture_out", "events_out"):  # the simulator runs in a folder of its own
                settings[name] = settings[name] and str(Path(settings[name]).absolute())
            if capture is not None:
                settings["input"] = str(capture.absolute())
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(settings["socket"])
                listener.listen()
                simulation = _Simulation(self.simulator, folder, path, settings, options.waves)
                connections = [simulation.accept(listener) for _ in range(1 if capture else 2)]
                try:
                    yield _CocotbChild(simulation, connections)
                finally:
                    with contextlib.suppress(OSError):  # it may have gone by itself
                        connections[0].shutdown(socket.SHUT_RDWR)
                    simulation.join()

    def _build(self, netlist: Netlist, options: Options) -> Path:
        """The folder with the compiled bench, as cocotb's runner expects it."""
        from cocotb_tools import config

        verilog = netlist.verilog + bench_verilog(netlist.width, netlist.event_bytes)
        if self.simulator == "icarus":
            require("iverilog", "iverilog")
            waves = options.waves is not None
            return BuildCache(options.cache).get(
                "icarus", [verilog, str(waves)], lambda folder: _build_icarus(verilog, waves, folder)
            )
        recipe = Recipe(
            kind="cocotb",
            top=TOP,
            prefix="Vtop",
            main=config.share_dir / "lib" / "verilator" / "verilator.cpp",
            flags=("--vpi", "--timescale", "1ps/1ps"),
            runtime=("verilated", "verilated_threads", "verilated_vpi"),
            link=(f"-Wl,-rpath,{config.libs_dir}", f"-L{config.libs_dir}", "-lcocotbvpi_verilator"),
            trace=trace_flag(options.waves),
        )
        return program(recipe, verilog, options.cache).parent


def _runner(simulator: str) -> Any:
    from cocotb_tools.runner import get_runner

    runner = get_runner(simulator)
    runner.log.setLevel("CRITICAL")
    return runner


def _build_icarus(verilog: str, waves: bool, folder: Path) -> None:
    source = folder / "netlist.v"
    source.write_text(verilog)
    log = folder / "build.log"
    try:
        _runner("icarus").build(
            sources=[source], hdl_toplevel=TOP, build_dir=folder, timescale=("1ps", "1ps"), waves=waves, log_file=log
        )
    except (RuntimeError, SystemExit):
        lines = log.read_text(errors="replace").strip().splitlines() or ["no message"]
        raise SimulationError(f"iverilog failed on the netlist: {lines[0]}") from None


class _Simulation:
    """cocotb's runner in a thread: it waits for the simulator."""

    def __init__(
        self, simulator: str, build: Path, scratch: Path, settings: dict[str, str], waves: Path | None
    ) -> None:
        self._log = scratch / "simulation.log"
        arguments: dict[str, Any] = {}
        if waves is not None:
            if simulator == "icarus":
                arguments = {"waves": True, "plusargs": [f"+dumpfile_path={waves.absolute()}"]}
            else:
                arguments = {"test_args": ["--trace", "--trace-file", str(waves.absolute())]}

        def run() -> None:
            with contextlib.suppress(RuntimeError, SystemExit):  # the child's answers and the log tell
                _runner(simulator).test(
                    test_module=BENCH_MODULE,
                    hdl_toplevel=TOP,
                    hdl_toplevel_lang="verilog",
                    build_dir=build,
                    test_dir=scratch,
                    log_file=self._log,
                    extra_env={SETTINGS: json.dumps(settings)},
                    **arguments,
                )

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def accept(self, listener: socket.socket) -> socket.socket:
        """The next connection from the simulator. `SimulationError` when it ends before."""
        while not select.select([listener], [], [], POLL_S)[0]:
            if not self._thread.is_alive():
                raise SimulationError(f"the simulator did not start: {self.last_words()}")
        return listener.accept()[0]

    def join(self) -> None:
        self._thread.join()

    def last_words(self) -> str:
        """The last line of the simulator's log."""
        self.join()
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        return next((line.strip() for line in reversed(lines) if "rror" in line), lines[-1] if lines else "no message")


class _CocotbChild(Child):
    def __init__(self, simulation: _Simulation, connections: list[socket.socket]) -> None:
        self._simulation = simulation
        self.commands = connections[0].makefile("w", encoding="utf-8")
        self.answers = connections[0].makefile("r", encoding="utf-8")
        self.frames: BinaryIO | None = None
        if len(connections) > 1:
            self.frames = connections[1].makefile("wb")
            connections[1].close()  # once `frames` is closed too, the simulator sees the end

    def obituary(self) -> str:
        return self._simulation.last_words()
