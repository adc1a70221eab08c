"""Why Linux rejects what hardpath accepts: the fact that Linux forgot, found by following Linux's path.

Linux's log lists the instructions of the path on which it gave up. That path is followed in hardpath's verifier,
with one state that is never joined with others. Either hardpath leaves it before its end, because a branch on it
cannot happen, or it comes to the end and finds the last instruction in order. Where that is for one of the reasons of
`Forgotten`, accepting the program is right; docs/verification.md says why for each.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from enum import Enum

from hardpath.codegen.isa import Instruction
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify.call import Environment
from hardpath.codegen.verify.context import Context, Visit
from hardpath.codegen.verify.explore import Explorer
from hardpath.codegen.verify.failure import Category
from hardpath.codegen.verify.flow import Key
from hardpath.codegen.verify.join import Apart
from hardpath.codegen.verify.limits import Deadline, Limits, Rejection
from hardpath.codegen.verify.result import Kind
from hardpath.codegen.verify.state import State
from hardpath.codegen.verify.values import PACKET_KINDS, Num, Ptr, Value
from hardpath.hdl.errors import VerificationError
from hardpath.hdl.helpers.registry import HELPERS
from hardpath.hdl.maps.registry import MAP_TYPES

LINE = re.compile(r"^(\d+): \([0-9a-f]{2}\) ", re.MULTILINE)
"""An instruction in Linux's log."""

PACKET_MESSAGE = "outside of the packet"
NUMBER_MESSAGES = (
    "unbounded memory access",
    "unbounded min value",
    "min value is negative",
    "min value is outside",
    "max value is outside",
    "math between ",
    "pointer offset ",
    "pointer be out of bounds",
    "invalid access to map value",
    "invalid zero-sized read",
    "misaligned stack access off (",  # of a variable offset
)
"""Complaints about how large a number may be."""


class Forgotten(Enum):
    """What Linux does not know, by name in reports."""

    NUMBER = "numbers: the branch cannot happen, or the offset is in bounds, by what is known of numbers"
    PROOF = "bound checks: data was loaded again, or the check repeats another one"
    ORDER = "frame pointers: the order of two pointers at known distance"
    NOT_NULL = "not NULL: a pointer into the frame, or an entry that always exists"
    ROUNDS = "rounds: how often bpf_loop or an iterator goes round"
    MEETING = "meeting paths: a number too large on one path goes into a pointer that nobody uses"
    EFFORT = "effort: Linux gives up after a million instructions, since it joins no paths"
    KERNEL = "Linux says itself that this is a bug in its verifier"


def forgotten(program: ProgramSpec, maps: Mapping[str, MapSpec], log: str) -> Forgotten | None:
    """What made Linux reject a program that hardpath accepts; None if no fact that it forgot explains it."""
    lines = [line for line in log.splitlines() if line and not line.startswith("processed")]
    if any(line.startswith("verifier bug") for line in lines):
        return Forgotten.KERNEL
    if lines[-1].startswith("BPF program is too large"):
        return Forgotten.EFFORT
    path = [int(slot) for slot in LINE.findall(log)]
    if not path:
        return None
    return _Follower(program, maps, path).reason(lines[-1])


class _Follower(Explorer):
    """An exploration of one path."""

    def __init__(self, program: ProgramSpec, maps: Mapping[str, MapSpec], path: Sequence[int]) -> None:
        environment = Environment(maps, MAP_TYPES, HELPERS)
        limits = Limits()
        deadline = Deadline(limits, len(program.instructions), is_growing=True)
        super().__init__(program, environment, limits, Apart(4096), deadline, is_numbered=False)
        self._path = path
        self._position = 0

    def reason(self, message: str) -> Forgotten | None:
        """Why Linux is wrong about the end of the path, of which it said ``message``."""
        context = Context(self._flow(0, 0))
        self._check_functions()
        self._reach(context, 0, context.flow.start(), State())
        last: tuple[Visit, State] | None = None
        while self._queue:
            visit = self._pending.pop(heapq.heappop(self._queue))
            last = visit, visit.states[0].copy()
            is_end = self._position == len(self._path) - 1
            self._position += 1
            try:
                self._advance(visit)
            except Rejection as rejection:
                return self._rejected(rejection) if is_end else None
            if is_end:
                return _accepted(message)
        return None if last is None else self._excluded(*last)

    def _reach(self, context: Context, slot: int, iterations: tuple[int, ...], state: State) -> Key:
        if self._position < len(self._path) and slot == self._path[self._position]:
            return super()._reach(context, slot, iterations, state)
        return ()

    @staticmethod
    def _rejected(rejection: Rejection) -> Forgotten | None:
        """What is wrong on this path alone is right where it meets others."""
        error = rejection.error
        too_large = isinstance(error, VerificationError) and error.category == Category.ARITHMETIC.value
        return Forgotten.MEETING if too_large else None

    def _excluded(self, visit: Visit, state: State) -> Forgotten | None:
        """Why the way that Linux took after an instruction does not exist."""
        i = self._program.instructions[visit.slot]
        if self._repeats(i) or i.is_kernel_call:
            return Forgotten.ROUNDS
        if not i.is_conditional:
            return None
        return _decided(i, state.get(i.dst), state.get(i.src) if i.uses_register else None)


def _accepted(message: str) -> Forgotten | None:
    """Why the instruction of which Linux said ``message`` is in order."""
    if PACKET_MESSAGE in message:
        return Forgotten.PROOF
    return Forgotten.NUMBER if any(part in message for part in NUMBER_MESSAGES) else None


def _decided(i: Instruction, a: Value, b: Value | None) -> Forgotten | None:
    """What decides a conditional jump on ``a`` and ``b`` (None: a constant)."""
    if isinstance(a, Num) and (b is None or isinstance(b, Num)):
        return Forgotten.NUMBER
    pointers = [value for value in (a, b) if isinstance(value, Ptr)]
    kinds = {pointer.kind for pointer in pointers}
    if len(pointers) == 1:
        return Forgotten.NOT_NULL
    if kinds <= {*PACKET_KINDS}:
        return Forgotten.ORDER if pointers[0].id == pointers[1].id else Forgotten.PROOF
    return Forgotten.PROOF if Kind.PACKET_END in kinds and kinds & {*PACKET_KINDS} else None
