"""Memories as Verilog modules of their own.

Amaranth writes the initial contents of a memory bit by bit, through Yosys: a zeroed memory of 64 Ki rows of 64 bytes
takes minutes. Here zeros cost one loop. To be given to ``amaranth.back.verilog.convert`` as ``platform``; what is in
``text`` afterwards belongs into the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Shape, ShapeCastable, Value
from amaranth.lib.memory import Memory

NO_COLLISIONS: dict[str, int | str] = {"no_rw_check": 1}
"""Attributes of a memory for which nobody looks at what a read port gives when its row is written at the same edge and
the port is not transparent for that write. Block memories give anything then; without this promise Yosys builds two
registers a bit around them to give the old row. In simulation such a read gives the row inverted, so that tests notice
who looks."""


IN_LOGIC: dict[str, int | str] = {"rom_style": "logic"}
"""Attributes of a constant memory that Yosys makes of LUTs, although it would take a block memory for it."""


def promises_no_collisions(memory: Memory) -> bool:
    """Whether it has `NO_COLLISIONS`."""
    return NO_COLLISIONS.items() <= memory.attrs.items()


class VerilogMemories:
    """Stands in for an Amaranth platform: turns each ``lib.memory.Memory`` into an instance of a module in `text`.

    Each clock domain of a memory's ports has a clock (``sync`` is ``clk``, ``x`` is ``clk_x``); read ports may be
    asynchronous, too. Names of modules begin with ``prefix``.
    """

    def __init__(self, prefix: str = "hardpath") -> None:
        self._prefix = prefix
        self._names: dict[str, str] = {}  # by what is between "module <name>" and the end

    @property
    def text(self) -> str:
        """The modules of all memories met so far."""
        return "".join(f"\nmodule {name}{body}" for body, name in self._names.items())

    def get_memory(self, memory: Memory) -> Instance:
        """Called by Amaranth in place of ``Memory.elaborate``."""
        body = "\n".join(_lines(memory)) + "\n"
        name = self._names.setdefault(body, f"{self._prefix}_memory_{len(self._names)}")
        ports: dict[str, Any] = {f"i_{_clock(domain)}": ClockSignal(domain) for domain in _domains(memory)}
        for kind, group in (("w", memory.write_ports), ("r", memory.read_ports)):
            for number, port in enumerate(group):
                wires = {"en": port.en, "addr": port.addr, "data": Value.cast(port.data)}
                if memory.depth == 1:
                    wires["addr"] = Cat(port.addr, Const(0, 1))
                for field, value in wires.items():
                    direction = "o" if (kind, field) == ("r", "data") else "i"
                    ports[f"{direction}_{kind}{number}_{field}"] = value
        return Instance(name, **ports)


def _domains(memory: Memory) -> list[str]:
    """The clock domains of its ports, each once."""
    domains = dict.fromkeys(port.domain for port in (*memory.write_ports, *memory.read_ports))
    return [domain for domain in domains if domain != "comb"] or ["sync"]


def _clock(domain: str) -> str:
    return "clk" if domain == "sync" else f"clk_{domain}"


def _lines(memory: Memory) -> Iterator[str]:
    width, depth = Shape.cast(memory.shape).width, memory.depth
    address = f"[{max(0, (depth - 1).bit_length() - 1)}:0]"
    row = f"[{width - 1}:0]"
    writes = [(f"w{i}", len(port.en), port) for i, port in enumerate(memory.write_ports)]
    reads = [(f"r{i}", port) for i, port in enumerate(memory.read_ports)]

    names = [f"{name}_{field}" for name, *_ in (*writes, *reads) for field in ("en", "addr", "data")]
    clocks = [_clock(domain) for domain in _domains(memory)]
    yield f"({', '.join([*clocks, *names])});"
    yield from (f"  input {clock};" for clock in clocks)
    for name, enables, _ in writes:
        yield f"  input [{enables - 1}:0] {name}_en;"
        yield f"  input {address} {name}_addr;"
        yield f"  input {row} {name}_data;"
    for name, port in reads:
        yield f"  input {name}_en;"
        yield f"  input {address} {name}_addr;"
        yield f"  output {'reg ' if port.domain != 'comb' else ''}{row} {name}_data;"
    careless = promises_no_collisions(memory)
    attributes = ", ".join(name if value == 1 else f'{name} = "{value}"' for name, value in memory.attrs.items())
    yield f"  {f'(* {attributes} *) ' if attributes else ''}reg {row} mem [0:{depth - 1}];"
    yield from _contents(memory, width, [name for name, port in reads if port.domain != "comb"])

    for domain in dict.fromkeys(port.domain for *_, port in writes):
        yield f"  always @(posedge {_clock(domain)}) begin"
        for name, enables, port in writes:
            if port.domain == domain:
                yield from _parts(name, enables, width, "", f"mem[{name}_addr]")
        yield "  end"
    for name, port in reads:
        if port.domain == "comb":
            yield f"  assign {name}_data = mem[{name}_addr];"
            continue
        yield f"  always @(posedge {_clock(port.domain)}) if ({name}_en) begin"
        yield f"    {name}_data <= mem[{name}_addr];"
        for writer, enables, write_port in writes:
            if write_port.domain != port.domain:
                continue  # no edge in common: who reads what is just being written looks at nothing
            same = f" && {writer}_addr == {name}_addr"
            if write_port in port.transparent_for:
                yield from _parts(writer, enables, width, same, f"{name}_data")
            elif careless:
                yield "`ifndef SYNTHESIS"
                yield f"    if (|{writer}_en{same}) {name}_data <= ~mem[{name}_addr];"
                yield "`endif"
        yield "  end"
    yield "endmodule"


def _contents(memory: Memory, width: int, reads: list[str]) -> Iterator[str]:
    shape = memory.shape
    const = shape.const if isinstance(shape, ShapeCastable) else Const.cast
    rows = [(i, Const.cast(const(value)).value & (1 << width) - 1) for i, value in enumerate(memory.init) if value]
    yield "  integer i;"
    yield "  initial begin"
    yield f"    for (i = 0; i < {memory.depth}; i = i + 1) mem[i] = {{{width}{{1'b0}}}};"
    for index, value in rows:
        if value:
            yield f"    mem[{index}] = {width}'h{value:x};"
    for name in reads:
        yield f"    {name}_data = {{{width}{{1'b0}}}};"  # as in Amaranth; simulators would begin with X
    yield "  end"


def _parts(writer: str, enables: int, width: int, condition: str, target: str) -> Iterator[str]:
    """Assign the parts of a row that a write port changes. Yosys finds byte enables only if each part has its whole
    condition to itself; simulators need not look at all parts in every cycle."""
    part = width // enables
    if enables > 1:
        yield "`ifndef SYNTHESIS"
        yield f"    if (|{writer}_en{condition})"
        yield "`endif"
        yield "    begin"
    for i in range(enables):
        bits = f"[{(i + 1) * part - 1}:{i * part}]" if enables > 1 else ""
        yield f"    if ({writer}_en[{i}]{condition}) {target}{bits} <= {writer}_data{bits};"
    if enables > 1:
        yield "    end"
