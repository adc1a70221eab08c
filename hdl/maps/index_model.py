"""Reference behaviour of redirect maps with an index for a key: devmap, cpumap, xskmap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .base import MapShape
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT
from .slots import SlotModel, first_word


@dataclass(frozen=True, slots=True)
class IndexRules:
    """What the host may put into such a map (programs cannot change them).

    ``by_entry``: BPF_NOEXIST and BPF_EXIST ask whether the entry is there; otherwise all entries count as existing, so
    that BPF_NOEXIST always fails. ``zero``: errno of an update with a first word of 0; 0 if it deletes the entry.
    ``most``: the largest first word, and ``over``, the errno of a larger one.
    """

    by_entry: bool = False
    zero: int = 0
    most: int = 0xFFFFFFFF
    over: int = EINVAL


def stored(value: bytes) -> bytes | None:
    """The value as it is kept, None if it names a program to run on the entry's frames (there is no hardware for it).

    Bytes 4 to 7, if there, are a program's file descriptor; what is not positive means none, and reads as id 0.
    """
    program = int.from_bytes(value[4:8], "little", signed=True)
    return None if program > 0 else value[:4].ljust(len(value), b"\0")


class IndexModel(SlotModel):
    """``target``: the redirect target of an index and its value."""

    def __init__(
        self, shape: MapShape, rules: IndexRules, target: Callable[[int, bytes | bytearray], int]
    ) -> None:
        super().__init__(shape)
        self._rules = rules
        self._target = target

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        index, rules, kept = int.from_bytes(key, "little"), self._rules, stored(value)
        if flags > BPF_EXIST:
            return -EINVAL
        if index >= len(self._values):
            return -E2BIG
        present = not rules.by_entry or bool(first_word(self._values[index]))
        if rules.zero and not first_word(value):
            return -rules.zero
        if flags == BPF_NOEXIST and present:
            return -EEXIST
        if flags == BPF_EXIST and not present:
            return -ENOENT
        if first_word(value) > rules.most:
            return -rules.over
        if kept is None:
            return -EINVAL
        self._values[index][:] = kept if first_word(value) else bytes(len(value))
        return 0

    def delete(self, key: bytes) -> int:
        index = int.from_bytes(key, "little")
        if index >= len(self._values):
            return -EINVAL
        self._values[index][:] = bytes(len(self._values[index]))
        return 0

    def redirect(self, index: int) -> int | None:
        handle = self.lookup(index.to_bytes(4, "little"))
        return None if handle is None else self._target(handle, self._values[handle])
