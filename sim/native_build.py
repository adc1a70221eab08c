"""Compiles a netlist into a program: Verilator writes C++, the C++ compiler makes an executable of it.

Verilator's makefile is not used: it knows the compiler of the machine on which the wheel was made. What it would do is
little: the model's hot files with optimisation, the rest without, the runtime, one link.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..codegen.build_cache import BuildCache
from .engine import SimulationError
from .toolchain import Verilator, compiler, has_fst_headers, verilator

VERILATOR_FLAGS = (
    *("--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", "--no-timing"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "20000"),
)
FAST = ("-O1",)  # what runs every cycle: measured as fast as with -O2, which compiles nearly twice as long
SLOW = ("-O0",)  # what runs once: construction, initial values
UNIT = 1 << 20  # bytes of generated C++ that are compiled together
SMALL = 200_000  # bytes up to which reading the headers once more costs more than optimising what runs once
JOBS = 2

Command = Sequence[str]


@dataclass(frozen=True)
class Recipe:
    """One way to make a program of Verilog.

    ``main``: the C++ file that knows the model, whose header is named after ``prefix``; it may include files beside it.
    ``harness``: C++ files that do not, compiled once for all netlists, as ``runtime`` is, files of Verilator's library.
    ``optimisation``: the compiler's options for what runs every cycle.
    ``trace``: `trace_flag`.
    """

    kind: str
    top: str
    prefix: str
    main: Path
    flags: tuple[str, ...] = ()
    defines: Mapping[str, int] = field(default_factory=dict)
    runtime: tuple[str, ...] = ("verilated", "verilated_threads")
    harness: tuple[Path, ...] = ()
    link: tuple[str, ...] = ()
    optimisation: tuple[str, ...] = FAST
    trace: str = ""


def trace_flag(waves: Path | None) -> str:
    """Verilator's option for a waveform file: FST unless its name or this machine's headers say VCD."""
    if waves is None:
        return ""
    return "--trace-fst" if waves.suffix != ".vcd" and has_fst_headers() else "--trace-vcd"


def program(recipe: Recipe, verilog: str, cache_folder: Path | None) -> Path:
    """The program, from the cache or made now. `InputError` when a tool is missing."""
    build = _Build(recipe, verilator())
    cache = BuildCache(cache_folder)
    tools: list[str | bytes] = [build.tools.version, compiler().version, *VERILATOR_FLAGS, *FAST, *SLOW]
    # The model, which takes long, knows nothing of the harness: that may change without making every model again.
    # What a file holds counts, not where it is: several copies of this repository share their builds.
    placeless = replace(recipe, main=Path(recipe.main.name), harness=())
    model_inputs = [*tools, repr(placeless), verilog, *_texts([recipe.main])]
    flags = [flag for flag in build.flags("") if not flag.startswith("-I")]
    common_inputs = [*tools, *recipe.runtime, *flags, *_texts(recipe.harness)]
    model = cache.get(f"{recipe.kind}-model", model_inputs, lambda folder: build.model(verilog, folder))
    runtime = cache.get("runtime", common_inputs, build.common)
    inputs = [*model_inputs, *common_inputs]
    return cache.get(recipe.kind, inputs, lambda folder: build.link(model, runtime, folder)) / recipe.top


def _texts(sources: Iterable[Path]) -> list[bytes]:
    """C++ files and what they include from the folders beside them, each once."""
    found: dict[Path, bytes] = {}
    waiting = list(sources)
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():  # generated files are there later; they come from the netlist
            continue
        found[path] = path.read_bytes()
        waiting += (path.parent / name.decode() for name in re.findall(rb'^#include "(.+)"', found[path], re.M))
    return [found[path] for path in sorted(found)]


class _Build:
    def __init__(self, recipe: Recipe, tools: Verilator) -> None:
        self.recipe = recipe
        self.tools = tools
        self.include = tools.root / "include"

    def common_sources(self) -> list[Path]:
        """What is the same for every netlist."""
        writer = {"--trace-fst": ["verilated_fst_c"], "--trace-vcd": ["verilated_vcd_c"]}
        runtime = [*self.recipe.runtime, *writer.get(self.recipe.trace, [])]
        return [*(self.include / f"{name}.cpp" for name in runtime), *self.recipe.harness]

    def flags(self, model: str) -> list[str]:
        trace = self.recipe.trace
        defines = {
            "VERILATOR": 1,
            "VM_COVERAGE": 0,
            "VM_SC": 0,
            "VM_TIMING": 0,
            "VM_TRACE": int(bool(trace)),
            "VM_TRACE_FST": int(trace == "--trace-fst"),
            "VM_TRACE_VCD": int(trace == "--trace-vcd"),
            "VM_TRACE_SAIF": 0,
        }
        if model:
            defines |= self.recipe.defines
        elif "VL_TIME_CONTEXT" in self.recipe.defines:  # the one definition that the runtime looks at
            defines["VL_TIME_CONTEXT"] = 1
        folders = [self.include, self.include / "vltstd", self.recipe.main.parent, *([model] if model else [])]
        return [
            *("-std=gnu++20", "-pthread", "-w"),
            *(f"-I{folder}" for folder in folders),
            *(f"-D{name}={value}" for name, value in defines.items()),
        ]

    def common(self, folder: Path) -> None:
        program, flags = compiler().program, self.flags("")
        sources = self.common_sources()
        _run([[program, *FAST, *flags, "-c", str(path), "-o", f"{path.stem}.o"] for path in sources], folder)

    def model(self, verilog: str, folder: Path) -> None:
        """Objects of the netlist."""
        recipe = self.recipe
        (folder / "netlist.v").write_text(verilog)
        flags = [*VERILATOR_FLAGS, *recipe.flags, *([recipe.trace] if recipe.trace else [])]
        names = ["--top-module", recipe.top, "--prefix", recipe.prefix, "--Mdir", "model", "netlist.v"]
        _run([[str(self.tools.program), *flags, *names]], folder, {"VERILATOR_ROOT": str(self.tools.root)})
        model = folder / "model"
        written = [recipe.main, *sorted(model.glob(f"{recipe.prefix}*.cpp"))]
        slow = [path for path in written if "__Slow" in path.name or "__Syms" in path.name]
        if sum(path.stat().st_size for path in written) <= SMALL:
            slow = []
        units = [(unit, recipe.optimisation) for unit in _units([path for path in written if path not in slow])]
        units += [(unit, SLOW) for unit in _units(slow)]
        commands = []
        for number, (unit, optimisation) in enumerate(units):
            (model / f"unit{number}.cpp").write_text("".join(f'#include "{path}"\n' for path in unit))
            target = ["-c", f"model/unit{number}.cpp", "-o", f"model/unit{number}.o"]
            commands.append([compiler().program, *optimisation, *self.flags("model"), *target])
        _run(commands, folder)
        for path in model.glob("*.o"):
            path.rename(folder / path.name)
        shutil.rmtree(model)

    def link(self, model: Path, runtime: Path, folder: Path) -> None:
        """The program."""
        objects = [str(path) for path in [*sorted(model.glob("*.o")), *sorted(runtime.glob("*.o"))]]
        libraries = ["-llz4", "-lz"] if self.recipe.trace == "--trace-fst" else []
        _run([[compiler().program, "-pthread", *objects, *self.recipe.link, *libraries, "-o", self.recipe.top]], folder)


def _units(files: Sequence[Path]) -> list[list[Path]]:
    """Files grouped so that a header is not read once for each of many small ones."""
    units: list[list[Path]] = []
    size = UNIT
    for path in files:
        if size + path.stat().st_size > UNIT:
            units.append([])
            size = 0
        units[-1].append(path)
        size += path.stat().st_size
    return units


def _run(commands: Sequence[Command], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run commands in a folder, some at a time. `SimulationError` with the first complaint of one that fails."""

    def run(command: Command) -> None:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            lines = (done.stderr + done.stdout).splitlines()
            complaint = next((line for line in lines if "rror" in line), lines[-1] if lines else "no message")
            raise SimulationError(f"{Path(command[0]).name} failed on the netlist: {complaint.strip()}")

    with ThreadPoolExecutor(JOBS) as pool:
        for _ in pool.map(run, commands):
            pass
