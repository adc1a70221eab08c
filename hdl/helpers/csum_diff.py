"""bpf_csum_diff (net/core/filter.c, 6.18): the Internet checksum of one buffer less that of another."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome

ONES = 0xFFFFFFFF


def fold(total: int) -> int:
    """A sum of 32-bit words with its carries added back in; 0 only if every word was 0 (as csum_partial)."""
    while total >> 32:
        total = (total & ONES) + (total >> 32)
    return total


def partial(data: bytes, seed: int) -> int:
    """csum_partial: 32-bit words, little endian, the last one filled up with zeros (as on x86-64)."""
    data += bytes(-len(data) % 4)
    return fold(seed + sum(struct.unpack(f"<{len(data) // 4}I", data)))


class CsumDiff(HelperPlugin):
    """Any sizes, since Linux 6.13. The result is folded to 16 bits, not complemented. Zero has two forms, 0 and
    0xffff; which one comes out depends on which buffers are there, here as in the kernel."""

    id = 28
    name = "bpf_csum_diff"
    summary = "checksum difference of two buffers, folded to 16 bits as since Linux 6.13"
    args = (Arg.MEM_OR_NULL, Arg.SIZE_OR_ZERO, Arg.MEM_OR_NULL, Arg.SIZE_OR_ZERO, Arg.SCALAR)

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0xFFFF),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        old_size, new_size, seed = (args[i] & ONES for i in (1, 3, 4))
        old = machine.read(args[0], old_size) if old_size else b""
        new = machine.read(args[2], new_size) if new_size else b""
        if old and new:
            total = fold(partial(new, seed) + (partial(old, 0) ^ ONES))
        elif old:
            total = partial(old, seed ^ ONES) ^ ONES
        else:
            total = partial(new, seed)
        return (total + (total >> 16 | (total & 0xFFFF) << 16)) >> 16 & 0xFFFF

    def lower(self, call: CallLowering) -> Any:
        c = _Checksum(call)
        seed = call.op("slice", 32, call.argument(5), attr=0)
        old, new = c.words(1), c.words(3)
        sum_new = c.sum([*new, seed])
        both = c.sum([sum_new, c.invert(c.sum(old))])
        only_old = c.invert(c.sum([*old, c.invert(seed)]))
        total = c.if_empty(2, sum_new, c.if_empty(4, only_old, both))
        halves = [call.op("slice", 16, total, attr=low) for low in (0, 16)]
        swapped = call.op("concat", 32, halves[1], halves[0])
        folded = call.op("slice", 16, call.op("add", 32, total, swapped), attr=16)
        return call.op("zext", 64, folded)


class _Checksum:
    """Ones' complement arithmetic in dataflow: lists of 32-bit nodes and their folded sums."""

    def __init__(self, call: CallLowering) -> None:
        self._call = call

    def words(self, pointer: int) -> list[Any]:
        """The 32-bit words behind pointer argument ``pointer``, zeros behind its size (the next argument)."""
        call, size_argument = self._call, pointer + 1
        size = call.maximum(size_argument)
        if not size:
            return []
        memory = call.memory(pointer, size)
        if call.constant_argument(size_argument) is None:
            data = [self._byte_inside(memory, i, size_argument) for i in range(size)]
            memory = call.op("concat", 8 * size, *data)
        count = -(-size // 4)
        memory = call.op("zext", 32 * count, memory)
        return [call.op("slice", 32, memory, attr=32 * i) for i in range(count)]

    def _byte_inside(self, memory: Any, number: int, size_argument: int) -> Any:
        """A byte of ``memory``, or 0 if it lies behind the size."""
        call = self._call
        inside = call.op("ult", 1, call.const(number, 32), self._size(size_argument))
        return call.op("mux", 8, inside, call.op("slice", 8, memory, attr=8 * number), call.const(0, 8))

    def sum(self, words: list[Any]) -> Any:
        """Folded sum of 32-bit nodes: a balanced tree without loss, then two folds."""
        call = self._call
        if not words:
            return call.const(0, 32)
        width, level = 32, list(words)
        while len(level) > 1:
            width += 1
            wide = [call.op("zext", width, word) for word in level]
            pairs = [call.op("add", width, x, y) for x, y in zip(wide[::2], wide[1::2], strict=False)]
            level = pairs + wide[len(wide) & ~1 :]
        total = level[0]
        while width > 32:
            # A sum that carried has low bits below 0xffffffff, so adding a carry of one bit cannot overflow.
            next_width = 33 if width > 33 else 32
            low = call.op("zext", next_width, call.op("slice", 32, total, attr=0))
            high = call.op("zext", next_width, call.op("slice", width - 32, total, attr=32))
            total, width = call.op("add", next_width, low, high), next_width
        return total

    def invert(self, word: Any) -> Any:
        return self._call.op("not", 32, word)

    def if_empty(self, size_argument: int, yes: Any, no: Any) -> Any:
        """``yes`` if the size is 0, else ``no`` (32-bit nodes)."""
        known = self._call.constant_argument(size_argument)
        if known is not None:
            return no if known else yes
        empty = self._call.op("eq", 1, self._size(size_argument), self._call.const(0, 32))
        return self._call.op("mux", 32, empty, yes, no)

    def _size(self, size_argument: int) -> Any:
        return self._call.op("slice", 32, self._call.argument(size_argument), attr=0)
