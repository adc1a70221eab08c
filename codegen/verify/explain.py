"""The causal path of a failure: the few instructions that made the value what it is."""

from __future__ import annotations

from collections.abc import Sequence

from ..isa import FRAME_POINTER, Class, Instruction, reads, writes
from .state import State, Step
from .values import PACKET_KINDS, Ptr

LONGEST = 8
"""Instructions in an explanation."""

Cell = tuple[str, int, int]
"""("r", call depth, register) or ("stack", call depth, offset)."""


def causal_path(instructions: Sequence[Instruction], state: State, registers: Sequence[int]) -> list[int]:
    """Slots, in the order they ran, on which the registers depend: definitions, tests of what they are made of,
    and the bound check that counts for them. ``state`` is the one in which the instruction failed."""
    newest = state.history
    if newest is None:
        return []
    tracked: set[Cell] = {("r", newest.depth, r) for r in registers}
    checks = set()
    for r in registers:
        value = state.get(r)
        if isinstance(value, Ptr) and value.kind in PACKET_KINDS and value.id in state.proven:
            checks.add(state.proven[value.id].slot)
    path: list[int] = []
    step: Step | None = newest.before  # the newest is the failing instruction itself
    while step is not None and len(path) < LONGEST and (tracked or checks):
        if step.slot in checks:
            checks.remove(step.slot)
            path.append(step.slot)
        elif _matters(instructions[step.slot], step.depth, tracked):
            path.append(step.slot)
        step = step.before
    return list(dict.fromkeys(reversed(path)))


def _matters(i: Instruction, depth: int, tracked: set[Cell]) -> bool:
    """Whether an instruction made or tested a tracked value; then its sources are tracked instead."""
    if i.is_local_call:
        passed = {("r", depth, r): ("r", depth + 1, r) for r in range(1, 6)}
        inner = {outer for outer, callee in passed.items() if callee in tracked}
        tracked.difference_update([passed[outer] for outer in inner])
        tracked |= inner
        return bool(inner)
    if i.is_exit:
        if ("r", depth - 1, 0) in tracked:
            tracked.remove(("r", depth - 1, 0))
            tracked.add(("r", depth, 0))
            return True
        return False
    sources: set[Cell] = {("r", depth, r) for r in reads(i) if r != FRAME_POINTER}
    if i.is_conditional:
        return bool(sources & tracked)
    made: set[Cell] = {("r", depth, r) for r in ({0} if i.is_call else writes(i))}
    if i.is_store and i.dst == FRAME_POINTER:
        made = {("stack", depth, i.offset)}
        sources = {("r", depth, i.src)} if i.cls == Class.STX else set()
    if not made & tracked:
        return False
    tracked -= made
    if i.is_load and i.src == FRAME_POINTER:
        sources = {("stack", depth, i.offset)}
    if not i.is_call:
        tracked |= sources
    return True
