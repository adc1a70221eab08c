"""Verilog text of components."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from amaranth import Module, Value
from amaranth._toolchain.yosys import YosysError, find_yosys
from amaranth.back import rtlil
from amaranth.hdl import Fragment
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow

from ...hdl.errors import InputError
from ...hdl.verilog_memory import VerilogMemories

_SCRIPT = ("proc", "opt_expr", "opt_clean", "write_verilog -norename -noattr")
"""Processes become multiplexers and flip-flops: Amaranth's own script leaves `always @*` blocks, and simulators never
run one that only assigns constants."""

_SYSTEM_NAME = re.compile(r"\\\$(procmux\$\d+) ")
"""Functions for multiplexers of many ways; Icarus takes their escaped names for system functions."""

_CACHE = re.compile(r"failed to create cache directory: (\S+)\s+Caused by:\s+([^(\n]*[^(\s])")
_HOMELESS = "config file not specified and failed to get the default"
"""What the WebAssembly runtime under Yosys says where it has no folder for what it makes of Yosys, and to a user
without a home."""


def verilog(component: Any, name: str) -> str:
    """A wiring component as Verilog-2001 whose top module is ``name``.

    Ports of nested interfaces are joined by single underscores (``input_payload``): simulators and languages
    treat double ones specially.
    """
    return verilog_of({name: component}, name)


def verilog_of(components: Mapping[str, Any], prefix: str = "hardpath") -> str:
    """Components by the names of their top modules, as one text: Yosys takes longer to start than for a small one.

    All other modules have names that begin with that of their top, or with ``prefix``.
    """
    memories = VerilogMemories(prefix)
    commands = [f"read_rtlil <<rtlil\n{_rtlil(c, name, memories)}\nrtlil" for name, c in components.items()]
    yosys = find_yosys(lambda version: version >= (0, 40))
    try:
        text = yosys.run(["-q", "-"], "\n".join((*commands, *_SCRIPT)), ignore_warnings=True)
    except YosysError as error:
        if reason := _placeless(str(error)):
            raise InputError(reason) from None
        raise
    return _SYSTEM_NAME.sub(r"\1 ", text) + memories.text


def _placeless(error: str) -> str | None:
    """What to tell the user if Yosys failed because its compiled form can be kept nowhere."""
    if unusable := _CACHE.search(error):
        where, why = unusable.groups()
        return f"{where}: {why}: Yosys keeps its compiled form there: set XDG_CACHE_HOME to a writable folder"
    if _HOMELESS in error:  # whatever XDG_CACHE_HOME is
        return "this user has no home, where Yosys keeps its compiled form: set HOME to a writable folder"
    return None


def _rtlil(component: Any, name: str, memories: VerilogMemories) -> str:
    paths = [path for path, _, _ in component.signature.flatten(component)]
    if any(len(path) > 1 for path in paths):
        component = _Flat(component)
    ports = {path[0]: _port(member, value) for path, member, value in component.signature.flatten(component)}
    fragment = Fragment.get(component, memories)
    # Positions in our own Python sources tell a reader of the Verilog nothing; signal names carry the program's.
    text, _ = rtlil.convert_fragment(fragment, ports, name, emit_src=False)
    return str(text)


def _port(member: Any, value: Any) -> tuple[Value, PortDirection]:
    return Value.cast(value), PortDirection.Input if member.flow is Flow.In else PortDirection.Output


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
