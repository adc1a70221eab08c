"""Registers as one instruction sees them: what the state holds, refined by verification's facts."""

from __future__ import annotations

from dataclasses import replace

from ...hdl.errors import Refused
from ..verify import result as facts
from ..verify.number import constant
from ..verify.result import Kind, Point
from . import arithmetic
from .cases import cases
from .context import BuildContext
from .ir import Node
from .predicates import FALSE
from .state import State
from .values import FRAMED_KINDS, Pointer, Union, Value, alternatives


class RegisterView:
    """One instruction at one point, with the state before it (which it changes)."""

    def __init__(self, context: BuildContext, point: Point, state: State) -> None:
        self.b = context
        self.c = context.c
        self.p = context.p
        self.point = point
        self.state = state
        self.i = context.program.instructions[point.slot]
        self.registers = state.registers[-1]

    def set(self, register: int, value: Value) -> None:
        self.registers[register] = value

    def fact(self, register: int) -> facts.AbstractValue:
        return self.point.registers.get(register, facts.Scalar())

    def value(self, register: int) -> Value:
        """A register with everything that verification knows about it."""
        return self.refine(self.registers.get(register), self.point.registers.get(register))

    def refine(self, value: Value | None, fact: facts.AbstractValue | None) -> Value:
        if isinstance(fact, facts.Scalar) and fact.constant is not None:
            return self.c.const(fact.constant, 64)
        if value is None:
            return self.c.const(0, 64)  # never initialised on any path: nothing can depend on it
        if fact is None:
            return value
        if isinstance(fact, facts.Mixed):
            return self.refine_mixed(value, fact)
        parts: tuple[Node | Pointer, ...]
        parts = tuple(v for _, v in value.alternatives) if isinstance(value, Union) else (value,)
        if isinstance(fact, facts.Scalar):
            return arithmetic.narrow(self.c, self.as_scalar(value), fact)
        for part in parts:
            if isinstance(part, Pointer) and _matches(part, fact):
                return self.refine_pointer(part, fact)
        raise AssertionError(f"no {fact.kind.value} among {parts}")

    def as_scalar(self, value: Value) -> Node:
        """A value where verification sees a number: a pointer there is a NULL that was told apart on the way."""
        zero = self.c.const(0, 64)
        if not isinstance(value, Union):
            return value if isinstance(value, Node) else zero
        here = self.state.predicate
        parts = [(q, part if isinstance(part, Node) else zero) for q, part in value.alternatives]
        return self.select([(q, part) for q, part in parts if not self.p.exclusive(q, here)] or parts)

    def refine_mixed(self, value: Value, fact: facts.Mixed) -> Value:
        if not isinstance(value, Union):
            return value
        kept: list[tuple[int, Node | Pointer]] = []
        may_be_number = any(isinstance(f, facts.Scalar) or f.maybe_null for f in fact.alternatives)
        for q, part in value.alternatives:
            q = self.p.both(q, self.state.predicate)
            if q == FALSE:
                continue
            pointer = part if isinstance(part, Pointer) else None
            known = [f for f in fact.alternatives if pointer and isinstance(f, facts.Pointer) and _matches(pointer, f)]
            if pointer and known:
                kept.append((q, self.refine_pointer(pointer, known[0])))
            elif may_be_number:  # else nothing comes here with it, which predicates need not show
                kept.append((q, part if isinstance(part, Node) else self.c.const(0, 64)))
        return kept[0][1] if len(kept) == 1 else Union(tuple(kept))

    def refine_pointer(self, pointer: Pointer, fact: facts.Pointer) -> Pointer:
        if pointer.kind is Kind.PACKET_END:
            return pointer
        offset = arithmetic.narrow(self.c, pointer.offset, fact.offset)
        if offset is pointer.offset:
            return pointer
        return replace(pointer, offset=offset, uncut=pointer.whole)

    def number(self, register: int) -> Node:
        """A register that is a number."""
        value = self.value(register)
        if isinstance(value, Union):
            value = self.select([(q, v) for q, v in value.alternatives if isinstance(v, Node)])
        if not isinstance(value, Node):
            raise Refused(
                f"r{register} is a {value.kind.value} pointer where a number is needed: addresses have no "
                "meaning in hardware",
                "do not compute with the bits of a pointer",
            )
        return value

    def select(self, parts: list[tuple[int, Node]]) -> Node:
        """The alternative whose predicate holds."""
        result = parts[-1][1]
        care = self.state.predicate
        for q, node in reversed(parts[:-1]):
            result = self.c.mux(self.p.node(self.p.given(q, care)), node, result)
        return result

    def choices(self, number: int) -> list[tuple[int, tuple[Value, facts.AbstractValue]]]:
        """The maps, places or numbers that an argument can be, each with its predicate; none if it is computed. (What
        has to be a pointer is none on no path: verification has said so, and `refine_mixed` knows it.)"""
        c, path = self.c, self.state.predicate
        result: list[tuple[int, tuple[Value, facts.AbstractValue]]] = []
        for q, part in alternatives(self.value(number), path):
            if isinstance(part, Node):
                for when, value in cases(self.p, part, self.p.both(q, path)) or ():
                    result.append((when, (c.const(value, 64), constant(value).fact())))
                continue
            fact = self.pointer_fact(number, part)
            places = cases(self.p, part.offset, self.p.both(q, path)) or []
            if len(places) <= 1:
                result.append((q, (part, fact)))
                continue
            for when, place in places:
                at = replace(part, offset=c.const(place, 64), uncut=None)
                result.append((when, (at, replace(fact, offset=constant(place).fact()))))
        return result

    def not_null(self, value: Pointer | Node) -> Node:
        """1 bit: a pointer is one. No other number than NULL is compared with pointers."""
        if isinstance(value, Node):
            return self.c.const(0, 1)
        return self.c.const(1, 1) if value.entry is None else value.entry.found

    def pointer_fact(self, register: int, pointer: Pointer) -> facts.Pointer:
        """What verification knows of a register where it is this pointer."""
        fact = self.fact(register)
        for alternative in fact.alternatives if isinstance(fact, facts.Mixed) else (fact,):
            if isinstance(alternative, facts.Pointer) and _matches(pointer, alternative):
                return alternative
        raise AssertionError(f"r{register} is no {pointer.kind}")


def _matches(part: Pointer, fact: facts.Pointer) -> bool:
    same = part.kind is fact.kind and part.map == fact.map
    return same and (part.kind not in FRAMED_KINDS or part.frame == fact.frame)
