"""The native engine: the netlist and its loop (``sim/native``) as one program."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .engine import Child, Engine, Netlist, Options, child_settings
from .native_build import FAST, SLOW, Recipe, program, trace_flag

NATIVE = Path(__file__).parent / "native"


class VerilatorEngine(Engine):
    """Compiles a netlist once (cached) and runs it at the speed of the machine."""

    name = "verilator"
    live = True

    def prepare(self, netlist: Netlist, options: Options) -> None:
        self._program(netlist, options)

    @contextlib.contextmanager
    def start(self, netlist: Netlist, capture: Path | None, options: Options) -> Iterator[Child]:
        settings = child_settings(netlist, str(capture or "generated traffic"), options)
        inherited: tuple[int, ...] = ()
        frames: BinaryIO | None = None
        if capture is not None:
            settings["input"] = str(capture)
        else:
            reading, writing = os.pipe()
            inherited = (reading,)
            frames = os.fdopen(writing, "wb", buffering=1 << 16)
            settings["input"] = f"/dev/fd/{reading}"
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [self._program(netlist, options), *(f"{name}={value}" for name, value in settings.items())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=inherited,
            )
            for descriptor in inherited:
                os.close(descriptor)
            try:
                yield _NativeChild(process, frames, log)
                assert process.stdin is not None
                process.stdin.close()
                process.wait()
            finally:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout, frames):
                    if pipe is not None:
                        with contextlib.suppress(BrokenPipeError, ValueError):
                            pipe.close()


    def _program(self, netlist: Netlist, options: Options) -> Path:
        recipe = Recipe(
            kind="native",
            top="hardpath",
            prefix="Vhardpath",
            main=NATIVE / "netlist.cpp",
            harness=(NATIVE / "main.cpp",),
            defines={"VL_TIME_CONTEXT": 1, "HARDPATH_WIDTH": netlist.width, "HARDPATH_EVENT": netlist.event_bytes},
            optimisation=SLOW if options.quick else FAST,
            trace=trace_flag(options.waves),
        )
        return program(recipe, netlist.verilog, options.cache)


class _NativeChild(Child):
    def __init__(self, process: subprocess.Popen[str], frames: BinaryIO | None, log: BinaryIO) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.commands = process.stdin
        self.answers = process.stdout
        self.frames = frames
        self._process = process
        self._log = log

    def obituary(self) -> str:
        status = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"exit status {status}" + (f", {lines[-1]}" if lines else "")
