"""Compiles a netlist with the loop in ``sim/native``: Verilator writes C++, the C++ compiler makes a program of it.

Verilator's makefile is not used: it knows the compiler of the machine on which the wheel was made. What it would do is
little: the model's hot files with optimisation, the rest without, the runtime, one link.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .build_cache import BuildCache
from .engine import Netlist, Options, SimulationError
from .toolchain import Verilator, compiler, has_fst_headers, verilator

NATIVE = Path(__file__).parent / "native"
PREFIX = "Vhardpath"
VERILATOR_FLAGS = (
    *("--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", "--no-timing"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "--top-module", "hardpath", "--prefix", PREFIX),
    *("--output-split", "20000"),
)
FAST = ("-O2",)  # the model's code that runs every cycle, and the loop
SLOW = ("-O0",)  # what runs once: construction, initial values
UNIT = 1 << 20  # bytes of generated C++ that are compiled together
JOBS = 2

Command = Sequence[str]


def executable(netlist: Netlist, options: Options) -> Path:
    """The program that runs the netlist, from the cache or made now. `InputError` when a tool is missing."""
    tools = verilator()
    trace = trace_flag(options.waves)
    cache = BuildCache(options.cache)
    identity = [tools.version, compiler().version, *VERILATOR_FLAGS, *FAST, *SLOW, trace]
    harness = [path.read_bytes() for path in sorted(NATIVE.iterdir())]
    runtime = cache.get("runtime", identity, lambda folder: _build_runtime(tools, trace, folder))
    program = cache.get(
        "native",
        [*identity, netlist.verilog, str(netlist.width), *harness],
        lambda folder: _build_model(tools, trace, netlist, runtime, folder),
    )
    return program / "simulate"


def trace_flag(waves: Path | None) -> str:
    """Verilator's option for a waveform file: FST unless its name or this machine's headers say VCD."""
    if waves is None:
        return ""
    return "--trace-fst" if waves.suffix != ".vcd" and has_fst_headers() else "--trace-vcd"


def _build_runtime(tools: Verilator, trace: str, folder: Path) -> None:
    """Verilator's own library, the same for every netlist."""
    writer = {"--trace-fst": ["verilated_fst_c"], "--trace-vcd": ["verilated_vcd_c"]}.get(trace, [])
    include = tools.root / "include"
    _run(
        [
            _compile(tools, trace, FAST, str(include / f"{name}.cpp"), f"{name}.o")
            for name in ["verilated", "verilated_threads", *writer]
        ],
        folder,
    )


def _build_model(tools: Verilator, trace: str, netlist: Netlist, runtime: Path, folder: Path) -> None:
    (folder / "hardpath.v").write_text(netlist.verilog)
    environment = {"VERILATOR_ROOT": str(tools.root)}
    flags = [*VERILATOR_FLAGS, *([trace] if trace else [])]
    _run([[str(tools.program), *flags, "--Mdir", "model", "hardpath.v"]], folder, environment)
    model = folder / "model"
    written = sorted(model.glob(f"{PREFIX}*.cpp"))
    slow = [path for path in written if "__Slow" in path.name or "__Syms" in path.name]
    units = [(unit, FAST) for unit in _units([path for path in written if path not in slow])]
    units += [(unit, SLOW) for unit in _units(slow)]
    commands = []
    for number, (unit, optimisation) in enumerate(units):
        source = model / f"unit{number}.cpp"
        source.write_text("".join(f'#include "{path.name}"\n' for path in unit))
        commands.append(_compile(tools, trace, optimisation, str(source), f"model/unit{number}.o"))
    width = f"-DHARDPATH_WIDTH={netlist.width}"
    commands.append(
        [*_compile(tools, trace, FAST, str(NATIVE / "main.cpp"), "model/main.o"), width, f"-I{model}"]
    )
    _run(commands, folder)
    objects = [str(path) for path in [*sorted(model.glob("*.o")), *sorted(runtime.glob("*.o"))]]
    libraries = ["-llz4", "-lz"] if trace == "--trace-fst" else []
    _run([[compiler().program, "-pthread", *objects, *libraries, "-o", "simulate"]], folder)
    for path in model.iterdir():
        path.unlink()
    model.rmdir()


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


def _compile(tools: Verilator, trace: str, optimisation: Command, source: str, target: str) -> list[str]:
    include = tools.root / "include"
    defines = {
        "VERILATOR": 1,
        "VL_TIME_CONTEXT": 1,
        "VM_COVERAGE": 0,
        "VM_SC": 0,
        "VM_TIMING": 0,
        "VM_TRACE": int(bool(trace)),
        "VM_TRACE_FST": int(trace == "--trace-fst"),
        "VM_TRACE_VCD": int(trace == "--trace-vcd"),
        "VM_TRACE_SAIF": 0,
    }
    return [
        *(compiler().program, "-std=gnu++20", "-pthread", "-w", *optimisation),
        *(f"-I{path}" for path in (include, include / "vltstd", NATIVE)),
        *(f"-D{name}={value}" for name, value in defines.items()),
        *("-c", source, "-o", target),
    ]


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
