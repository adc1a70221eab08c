"""Which bytes of a function's own stack matter where, so that states that differ in others are the same.

A forward pass finds registers that point to a known byte of the frame, a backward pass the bytes that are read before
they are written. What it does not know for sure counts as a pointer to any byte, and such a pointer reads all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...hdl.helpers.base import SIZED, U32_BYTES, Arg, HelperPlugin
from ...hdl.kernel_functions.base import Act
from ...hdl.kernel_functions.iter_num import BYTES as ITERATOR_BYTES
from ..isa import FRAME_POINTER, Alu, Class, Instruction, MapReference, writes
from ..spec import MapSpec
from .iterator import kernel_function
from .state import STACK_BYTES

ALL = (1 << STACK_BYTES) - 1
"""Bit k of a set is byte k - 512 of the frame."""

REGISTERS = STACK_BYTES
"""In sets that have registers as well, bit REGISTERS + r is register r."""

INDEX_BYTES = 8
"""Keys up to this size may be an array's index."""

_COPIED = SIZED | {Arg.MAP_VALUE, Arg.OUT_VALUE, Arg.INOUT_U32}
"""Memory whose contents say nothing about whether a call is safe."""

ELSEWHERE, ANYWHERE = "elsewhere", "anywhere"
"""A register that surely does not point into this frame, and one that may point to any byte of it."""

Known = int | str | MapReference
"""A register that points to this byte of the frame (<= 0), to no known one, or to a map."""

Registers = tuple[Known, ...]


class StackLiveness:
    """``live``: slot -> bytes of the function's stack whose contents before the slot matter. ``decisive``: slot ->
    those of them, and registers, whose numbers can make a difference to whether the program is safe.

    ``edges``: slot -> following slots, from ``entry`` on. ``arguments(instruction, slot)``: registers a call reads.
    """

    def __init__(
        self,
        code: Sequence[Instruction],
        edges: Mapping[int, tuple[int, ...]],
        entry: int,
        arguments: Callable[[Instruction, int], int],
        helpers: Mapping[int, HelperPlugin],
        maps: Mapping[str, MapSpec],
    ) -> None:
        self._code, self._edges, self._entry = code, edges, entry
        self._arguments, self._helpers, self._maps = arguments, helpers, maps
        self._spills: dict[int, Known] = {}  # byte of the frame -> what is stored there, anywhere in the function
        self._wild = False  # pointers to this stack may be at any place in it
        while True:
            before = dict(self._spills), self._wild
            known = self._registers()
            if before == (self._spills, self._wild):
                break
        self._known = known
        effects = {slot: self._effect(code[slot], slot, known[slot]) for slot in edges}
        self.live = self._backward(lambda slot, after: after & ~effects[slot][1] | effects[slot][0])
        self.decisive = self._backward(self._decides)

    # Registers, forward.

    def _registers(self) -> dict[int, Registers]:
        """What is known of the registers before each slot."""
        start: list[Known] = [ELSEWHERE] * 11
        start[FRAME_POINTER] = 0
        before: dict[int, Registers] = {self._entry: tuple(start)}
        todo = [self._entry]
        while todo:
            slot = todo.pop()
            after = self._after(self._code[slot], slot, before[slot])
            for target in self._edges[slot]:
                old = before.get(target)
                new = after if old is None else _joined(old, after)
                if new != old:
                    before[target] = new
                    todo.append(target)
        return before

    def _after(self, i: Instruction, slot: int, registers: Registers) -> Registers:
        if i.is_store or i.is_atomic:
            self._spill(registers[i.dst], i, registers[i.src] if i.cls == Class.STX else ELSEWHERE)
        if i.is_call and any(_points(registers[r]) for r in self._passed(i, slot)):
            self._wild = self._wild or (not i.is_helper_call and kernel_function(i) is None) or self._hands_on(i)
        changed = list(registers)
        for r in writes(i):
            changed[r] = ELSEWHERE
        function = kernel_function(i)
        if function is not None and function.act is Act.NEXT:
            changed[0] = registers[1]  # or NULL
        elif i.is_alu:
            changed[i.dst] = _computed(i, registers)
        elif i.is_load64 and isinstance(i.reference, MapReference) and i.reference.offset is None:
            changed[i.dst] = i.reference
        elif i.is_load and i.size == 8:
            changed[i.dst] = self._filled(registers[i.src], i.offset)
        return tuple(changed)

    def _spill(self, base: Known, i: Instruction, value: Known) -> None:
        if isinstance(base, int):
            place = base + i.offset
            self._spills[place] = _join(self._spills.get(place, value), value)
        elif base == ANYWHERE and _points(value):
            self._wild = True

    def _filled(self, base: Known, offset: int) -> Known:
        """What a load of eight bytes gives."""
        if not _points(base):
            return ELSEWHERE
        if self._wild or not isinstance(base, int):
            spilled = self._wild or any(map(_points, self._spills.values()))
            return ANYWHERE if spilled else ELSEWHERE
        return self._spills.get(base + offset, ELSEWHERE)

    def _passed(self, i: Instruction, slot: int) -> list[int]:
        mask = self._arguments(i, slot)
        return [r for r in range(1, 6) if mask >> r & 1]

    def _hands_on(self, i: Instruction) -> bool:
        """Whether a helper gives a pointer to a function."""
        if not i.is_helper_call:
            return False
        plugin = self._helpers.get(i.imm)
        return plugin is None or Arg.STACK_OR_NULL in plugin.args

    # Bytes, backward.

    def _backward(self, transfer: Callable[[int, int], int]) -> dict[int, int]:
        """The least solution of before = transfer(slot, after); sets are bit sets."""
        predecessors: dict[int, list[int]] = {slot: [] for slot in self._edges}
        for slot, targets in self._edges.items():
            for target in targets:
                predecessors[target].append(slot)
        live = dict.fromkeys(self._edges, 0)
        todo = list(self._edges)
        while todo:
            slot = todo.pop()
            after = 0
            for target in self._edges[slot]:
                after |= live[target]
            before = transfer(slot, after)
            if before != live[slot]:
                live[slot] = before
                todo.extend(predecessors[slot])
        return live

    def _effect(self, i: Instruction, slot: int, registers: Registers) -> tuple[int, int]:
        """The bytes that an instruction reads, and those that it overwrites in any case."""
        if i.is_load:
            return _bytes(registers[i.src], i.offset, i.size), 0
        if i.is_atomic:
            return _bytes(registers[i.dst], i.offset, i.size) | _bytes(registers[i.src], i.offset, i.size), 0
        if i.is_store:
            base = registers[i.dst]
            return 0, _bytes(base, i.offset, i.size) if isinstance(base, int) else 0
        if not i.is_call:
            return 0, 0
        if (function := kernel_function(i)) is not None:
            iterator = _bytes(registers[1], 0, ITERATOR_BYTES)
            return (0, iterator if isinstance(registers[1], int) else 0) if function.act is Act.NEW else (iterator, 0)
        plugin = self._helpers.get(i.imm) if i.is_helper_call else None
        uses = 0
        for r in self._passed(i, slot):
            kind = plugin.args[r - 1] if plugin is not None else None
            size = self._most(kind, plugin, registers)
            if _points(registers[r]):
                uses |= ALL if size is None else _bytes(registers[r], 0, size)
        return uses, 0

    # Decisions, backward. A set has the bytes of the stack and, from bit `REGISTERS` on, the registers.

    def _decides(self, slot: int, after: int) -> int:
        """What decides something before an instruction: bytes and registers whose numbers go into comparisons, into
        addresses, or into arguments of calls, perhaps by way of others."""
        i, known = self._code[slot], self._known[slot]
        if i.is_exit:
            return _register(0)
        if i.is_call:
            return self._call_decides(i, slot, after)
        if i.is_conditional:
            return after | _register(i.dst) | (_register(i.src) if i.uses_register else 0)
        if i.is_alu:
            return _alu_decides(i, after)
        if i.is_load:
            loaded = _bytes(known[i.src], i.offset, i.size) if after & _register(i.dst) else 0
            return after & ~_register(i.dst) | loaded
        if i.is_atomic:
            return after | _register(i.src) | _register(0) | _bytes(known[i.dst], i.offset, i.size)
        if i.is_store:
            stored = _bytes(known[i.dst], i.offset, i.size)
            outside = self._entry and known[i.dst] == ELSEWHERE  # the caller's stack, perhaps
            matters = _register(i.src) if i.cls == Class.STX and (after & stored or outside) else 0
            return (after & ~stored if isinstance(known[i.dst], int) else after) | matters
        return after & ~sum(map(_register, writes(i)))

    def _call_decides(self, i: Instruction, slot: int, after: int) -> int:
        known, passed = self._known[slot], self._passed(i, slot)
        before = after & ~sum(map(_register, range(6))) | sum(map(_register, passed))
        if kernel_function(i) is not None:
            return before | _bytes(known[1], 0, ITERATOR_BYTES)
        plugin = self._helpers.get(i.imm) if i.is_helper_call else None
        for r in passed:
            kind = plugin.args[r - 1] if plugin is not None else None
            if not _points(known[r]) or kind in _COPIED:
                continue
            size = self._most(kind, plugin, known)
            if kind is not Arg.MAP_KEY:
                before |= ALL
            elif size is None or size <= INDEX_BYTES or size == STACK_BYTES:  # whether an index exists may be known
                before |= _bytes(known[r], 0, INDEX_BYTES)
        return before

    def _most(self, kind: Arg | None, plugin: HelperPlugin | None, registers: Registers) -> int | None:
        """Bytes that a helper reads behind a pointer argument at most; None: any of the frame."""
        if kind in SIZED:
            return STACK_BYTES
        if kind is Arg.INOUT_U32:
            return U32_BYTES
        if plugin is None or kind not in (Arg.MAP_KEY, Arg.MAP_VALUE, Arg.OUT_VALUE):
            return None
        owner = registers[1 + plugin.args.index(Arg.MAP)]
        if not isinstance(owner, MapReference) or owner.map not in self._maps:
            return STACK_BYTES
        spec = self._maps[owner.map]
        return spec.key_size if kind is Arg.MAP_KEY else spec.value_size


def _register(r: int) -> int:
    return 1 << REGISTERS + r


def _alu_decides(i: Instruction, after: int) -> int:
    own, other = _register(i.dst), _register(i.src) if i.uses_register and i.operation != Alu.END else 0
    if i.operation == Alu.MOV:
        return after & ~own | (other if after & own else 0)
    if i.cls == Class.ALU64 and i.operation in (Alu.ADD, Alu.SUB):
        return after | own | other  # an address, perhaps
    return after | other if after & own else after


def _points(known: Known) -> bool:
    """Whether a register may point into the frame."""
    return isinstance(known, int) or known == ANYWHERE


def _joined(a: Registers, b: Registers) -> Registers:
    return tuple(map(_join, a, b))


def _join(x: Known, y: Known) -> Known:
    return x if x == y else ANYWHERE if _points(x) or _points(y) else ELSEWHERE


def _computed(i: Instruction, registers: Registers) -> Known:
    """The result of an ALU instruction."""
    if i.operation == Alu.MOV:
        whole = i.cls == Class.ALU64 and not i.offset
        return ELSEWHERE if not i.uses_register else registers[i.src] if whole else ELSEWHERE
    own = registers[i.dst]
    if i.operation == Alu.ADD and i.cls == Class.ALU64 and not i.uses_register and isinstance(own, int):
        return own + i.imm
    return ANYWHERE if _points(own) or (i.uses_register and _points(registers[i.src])) else ELSEWHERE


def _bytes(base: Known, offset: int, size: int) -> int:
    """The set of bytes [base + offset, base + offset + size), as far as they are in the frame."""
    if not isinstance(base, int):
        return ALL if base == ANYWHERE else 0
    low = base + offset + STACK_BYTES
    return ((1 << size) - 1 << low if low >= 0 else (1 << size) - 1 >> -low) & ALL
