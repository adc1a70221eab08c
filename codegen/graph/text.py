"""Strings that a helper reads up to their end, from a pointer of which Linux's verifier knows no bounds."""

from __future__ import annotations

from ...hdl.errors import Refused
from ...hdl.helpers.events import MOST_COPIED
from ..verify import result as facts
from ..verify.result import Kind
from .ir import Node
from .memory import MemoryAccess
from .values import Pointer, alternatives


def text(step: MemoryAccess, number: int) -> list[Node]:
    """The bytes of argument ``number`` up to one that is known to be zero, whichever of several strings it is."""
    if any(isinstance(part, Node) for _, part in alternatives(step.value(number), step.state.predicate)):
        raise Refused(
            f"argument {number} is a number where a string is printed: Linux reads what lies there in the kernel",
            "pass a pointer to the string",
        )
    strings = [
        (when, _string(step, number, pointer, fact))
        for when, (pointer, fact) in step.choices(number)
        if isinstance(pointer, Pointer) and isinstance(fact, facts.Pointer)
    ]
    zero = step.c.const(0, 8)
    longest = max(len(string) for _, string in strings)
    padded = [(when, [*string, *[zero] * (longest - len(string))]) for when, string in strings]
    return [step.select([(when, string[i]) for when, string in padded]) for i in range(longest)]


def _string(step: MemoryAccess, number: int, pointer: Pointer, fact: facts.Pointer) -> list[Node]:
    if pointer.kind is not Kind.MAP_VALUE or fact.maybe_null:
        elsewhere = "on the stack" if pointer.kind is Kind.STACK else f"behind a {pointer.kind.value} pointer"
        where = "in a map value that may not be there" if fact.maybe_null else elsewhere
        raise Refused(
            f"the string in argument {number} lies {where}, from which the hardware does not print",
            "print strings in read-only data or in map values that were checked",
        )
    assert pointer.map is not None
    spec = step.b.maps[pointer.map]
    low, high = fact.offset.smin, fact.offset.smax
    constant = spec.readonly and spec.initial is not None
    if low < 0 or high >= spec.value_size or not (low == high or constant):
        raise Refused(
            f"where in the value of map {spec.name} the string in argument {number} lies is not known",
            "pass a pointer with a constant offset, or into read-only data with an index that was checked",
        )
    for size in range(min(spec.value_size - high, MOST_COPIED)):
        if _is_zero(step, pointer, fact, size, spec.initial if constant else None):
            data = step.load_bytes(pointer, fact, 0, size) if size else None
            return [step.c.slice(data, 8 * i, 8) for i in range(size)] if data is not None else []
    raise Refused(
        f"the string in argument {number} may have no end within the value of map {spec.name}: Linux prints what lies "
        "behind it, too",
        "store a zero in its last byte before it is printed",
    )


def _is_zero(step: MemoryAccess, pointer: Pointer, fact: facts.Pointer, at: int, contents: bytes | None) -> bool:
    """Whether byte ``at`` behind the pointer is known to be zero; ``contents``: the value, if it never changes."""
    if contents is None:
        byte = step.load_bytes(pointer, fact, at, 1)
        return byte.op == "const" and byte.attr == 0
    where = step.span(pointer, fact, at, 1, 0, fact.offset.smax + at)
    return not any(contents[where.low : where.high + 1 : where.step])  # what the object does not hold is zero
