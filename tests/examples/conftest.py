"""Every example with its compiled design, made once for all tests of a process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import Design, compile_program, maps_of
from hardpath.hdl.target import Target
from hardpath.sim.captures import Frame, read_capture
from hardpath.sim.fib import load_fib
from hardpath.sim.mapfile import load_maps
from hardpath.sim.session import Session
from hardpath.sim.toolchain import has_compiler

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/*.c"))


@dataclass(frozen=True)
class Example:
    """One folder of ``examples``."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        return EXAMPLES / self.name

    @property
    def source(self) -> Path:
        return self.folder / f"{self.name}.c"

    @property
    def object(self) -> Path:
        return self.folder / f"{self.name}.o"

    @property
    def design(self) -> Design:
        return self.session.design

    @cached_property
    def session(self) -> Session:
        return self.built_for(Target())

    def built_for(self, target: Target) -> Session:
        """Hardware for another target."""
        spec = load(self.object)
        program = select(spec)
        contents = load_maps(self.folder / "maps.json", maps_of(program, spec.maps))
        if (routes := self.folder / "fib.json").exists():
            contents |= load_fib(routes)
        return Session(compile_program(spec, program, target), contents)

    @cached_property
    def frames(self) -> list[Frame]:
        (capture,) = self.folder.glob("capture.pcap*")
        return list(read_capture(capture))


@functools.cache
def _example(name: str) -> Example:
    return Example(name)


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest) -> Example:
    return _example(request.param)


@pytest.fixture
def needs_compiler() -> None:
    if not has_compiler():
        pytest.skip("a C++ compiler is missing: apt install g++")
