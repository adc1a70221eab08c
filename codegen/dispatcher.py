"""Programs one after the other until a verdict that ends the chain, as libxdp's dispatcher runs them.

As in lib/libxdp/xdp-dispatcher.c.in each is a function of one program, and gets frame and metadata as the one before
left them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..hdl.errors import InputError
from ..hdl.verdicts import XDP_PASS
from . import btf as types
from .btf import Btf
from .chain import moved
from .isa import CALL, EXIT, Alu, Call, Class, Instruction, Jump
from .spec import ProgramSpec, SourceLine

ACTIONS = ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT")
DEFAULT_PRIORITY = 50
DEFAULT_ACTIONS = ("XDP_PASS",)

_GO_ON = 31  # XDP_DISPATCHER_RETVAL, always a reason to go on
_IMMEDIATE, _REGISTER = 0x00, 0x08
_R0, _R1, _R6 = 0, 1, 6
_LINK_SLOTS = 6  # instructions of the dispatcher for each link


@dataclass(frozen=True)
class Link:
    """A program of a chain: the lowest ``priority`` runs first; ``actions``: the verdicts with which the next one gets
    the frame."""

    program: ProgramSpec
    priority: int = DEFAULT_PRIORITY
    actions: tuple[str, ...] = DEFAULT_ACTIONS


def run_configuration(types_: Btf | None, program: str) -> tuple[int | None, tuple[str, ...] | None]:
    """Priority and actions that an object says itself (XDP_RUN_CONFIG of libxdp), None for what it leaves out."""
    variables = types_.variables() if types_ is not None else ()
    for section, _, variable in variables:
        if section.name == ".xdp_run_config" and variable.name == f"_{program}":
            assert types_ is not None
            found = types_.resolve(variable.type)
            if isinstance(found, types.Struct):
                numbers = {member.name: _number(types_, member) for member in found.members}
                actions = tuple(name for name in ACTIONS if numbers.get(name))
                stated = any(name in numbers for name in ACTIONS)
                return numbers.get("priority"), actions if stated else None
    return None, None


def _number(types_: Btf, member: types.Member) -> int | None:
    """What ``__uint(name, number)`` says."""
    pointer = types_.resolve(member.type)
    array = types_.resolve(pointer.target) if isinstance(pointer, types.Pointer) else None
    return array.length if isinstance(array, types.Array) else None


def dispatched(name: str, links: Sequence[Link]) -> ProgramSpec:
    """One program that runs the links by priority, those of one priority in their order. A frame that is left after
    the last one passes. Raises the ``problem`` of a program, `InputError` for programs of different kinds."""
    ordered = sorted(links, key=lambda link: link.priority)
    first = ordered[0].program
    for link in ordered:
        if link.program.problem is not None:
            raise link.program.problem
        if (link.program.type, link.program.attach) != ("xdp", "xdp"):
            raise InputError(
                f"{link.program.name} (section {link.program.section}) is no XDP program for a device: "
                "a chain consists of such programs"
            )
    size = _LINK_SLOTS * len(ordered) + 2
    starts, slot = [], size
    for link in ordered:
        starts.append(slot)
        slot += len(link.program.instructions)
    code = list(_dispatcher(ordered, starts))
    assert len(code) == size
    functions: dict[int, str] = {0: name}
    lines: dict[int, SourceLine] = {}
    for link, base in zip(ordered, starts, strict=True):
        code += [moved(i, base) for i in link.program.instructions]
        functions |= {base + at: function for at, function in link.program.functions.items()}
        lines |= {base + at: line for at, line in link.program.lines.items()}
    license = next((p.program.license for p in ordered if "GPL" in p.program.license), first.license)
    frags = all(link.program.frags for link in ordered)
    return replace(
        first, name=name, section="xdp", instructions=tuple(code), functions=functions, lines=lines,
        license=license, frags=frags,
    )  # fmt: skip


def _dispatcher(links: Sequence[Link], starts: Sequence[int]) -> Iterator[Instruction]:
    for number, (link, start) in enumerate(zip(links, starts, strict=True)):
        yield _alu(Class.ALU64, Alu.MOV, _R1, source=_R6) if number else _alu(Class.ALU64, Alu.MOV, _R6, source=_R1)
        yield Instruction(CALL, 0, Call.LOCAL, 0, start - (_LINK_SLOTS * number + 2))
        # The verdict may be any number; C shifts by its low five bits.
        yield _alu(Class.ALU, Alu.MOV, _R1, number=1)
        yield _alu(Class.ALU, Alu.LSH, _R1, source=_R0)
        mask = sum(1 << ACTIONS.index(action) for action in link.actions) | 1 << _GO_ON
        yield Instruction(Class.JMP32 | Jump.JSET | _IMMEDIATE, _R1, 0, 1, mask - (1 << 32))
        yield Instruction(EXIT, 0, 0, 0, 0)
    yield _alu(Class.ALU64, Alu.MOV, _R0, number=XDP_PASS)
    yield Instruction(EXIT, 0, 0, 0, 0)


def _alu(kind: Class, operation: Alu, register: int, source: int | None = None, number: int = 0) -> Instruction:
    form = _IMMEDIATE if source is None else _REGISTER
    return Instruction(kind | operation | form, register, source or 0, 0, number)
