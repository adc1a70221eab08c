"""Why a path cannot be accepted, as transfer functions see it; `explore` makes the user's error from it."""

from __future__ import annotations

from enum import Enum


class Category(Enum):
    """What a rejection is called in ``Verification failed: ...``."""

    UNREADABLE = "unreadable register"
    PACKET = "out-of-bounds packet access"
    STACK = "invalid stack access"
    MAP_VALUE = "out-of-bounds map value access"
    MEMORY = "out-of-bounds memory access"
    CONTEXT = "invalid context access"
    NULL = "possible NULL dereference"
    TYPE = "invalid memory access"
    ARITHMETIC = "invalid pointer arithmetic"
    READ_ONLY = "write to read-only memory"
    ARGUMENT = "invalid helper argument"
    ALIGNMENT = "misaligned access"
    CONTROL = "invalid control flow"
    INSTRUCTION = "instruction not allowed"
    LOOP = "unbounded loop"
    CALL = "invalid call"
    ITERATOR = "invalid use of an iterator"
    RECORD = "invalid use of a record"
    LOCK = "invalid use of a lock"
    RELOCATION = "CO-RE relocation without an answer"


class Failure(Exception):
    """The program is not safe here. ``registers``: whose origin explains it."""

    def __init__(self, category: Category, reason: str, suggestion: str, *registers: int) -> None:
        super().__init__(category, reason)
        self.category = category
        self.reason = reason
        self.suggestion = suggestion
        self.registers = registers


class Unbuildable(Exception):
    """Linux takes it, but its result depends on something that hardware does not have, such as an address."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def address_dependent(what: str) -> Unbuildable:
    """The refusal of whatever would need a pointer's numeric value."""
    return Unbuildable(
        f"{what}: the result depends on a memory address, which hardware does not have",
        "keep pointers out of data: compare, store and pass what they point to, or offsets",
    )
