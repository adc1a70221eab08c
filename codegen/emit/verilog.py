"""Verilog text of a component."""

from __future__ import annotations

import re
from typing import Any

from amaranth import Module, Value
from amaranth.back import verilog as backend
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow

from ...hdl.verilog_memory import VerilogMemories

_NEVER_RUNS = re.compile(r"always @\*\n\s+(\S+ = \d+'h[0-9a-f]+ ?;)\n")
"""A constant part of a signal whose other parts need a process: nothing would ever trigger it."""


def verilog(component: Any, name: str) -> str:
    """A wiring component as Verilog-2001 whose top module is ``name``.

    Ports of nested interfaces are joined by single underscores (``input_payload``): simulators and languages
    treat double ones specially.
    """
    paths = [path for path, _, _ in component.signature.flatten(component)]
    if any(len(path) > 1 for path in paths):
        component = _Flat(component)
    # Positions in our own Python sources tell a reader of the Verilog nothing; signal names carry the program's.
    memories = VerilogMemories()
    text = backend.convert(component, name=name, platform=memories, emit_src=False, strip_internal_attrs=True)
    if never := _NEVER_RUNS.search(text):
        raise ValueError(f"Yosys wrote a block that is never executed: {never[1]}: give its constant bits a signal")
    return str(text) + memories.text


class _Flat(wiring.Component):
    """A component behind ports without structure."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._ports = {
            "_".join(map(str, path)): (member, Value.cast(value))
            for path, member, value in inner.signature.flatten(inner)
        }
        super().__init__({name: member.flow(len(value)) for name, (member, value) in self._ports.items()})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = self._inner
        for name, (member, value) in self._ports.items():
            port = getattr(self, name)
            m.d.comb += value.eq(port) if member.flow is Flow.In else port.eq(value)
        return m
