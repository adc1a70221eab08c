"""Reference behaviour of queues and stacks (kernel/bpf/queue_stack_maps.c)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .base import POSITION_BYTES, MapModel, MapShape
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EINVAL, ENOENT


class QueueModel(MapModel):
    """Values, the oldest first. ``newest_first``: pop takes the newest, as a stack does. Operations that bpf(2) names
    after keys are those it has for such maps: update pushes, lookup peeks, and `delete` is its lookup-and-delete."""

    def __init__(self, shape: MapShape, newest_first: bool) -> None:
        self._values: deque[bytes] = deque()
        self._max_entries = shape.max_entries
        self._front = -1 if newest_first else 0

    def push(self, value: bytes, flags: int) -> int:
        """BPF_EXIST makes room in a full map by giving the oldest value up, in stacks too."""
        if flags & BPF_NOEXIST or flags > BPF_EXIST:
            return -EINVAL
        if len(self._values) == self._max_entries:
            if not flags & BPF_EXIST:
                return -E2BIG
            self._values.popleft()
        self._values.append(value)
        return 0

    def pop(self) -> bytes | None:
        value = self.peek(b"")
        if value is not None:
            del self._values[self._front]
        return value

    def peek(self, value: bytes) -> bytes | None:
        return self._values[self._front] if self._values else None

    def lookup(self, key: bytes) -> int | None:
        return 0 if self._values else None

    def value(self, handle: int) -> bytearray:
        return bytearray(self._values[self._front])

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return self.push(value, flags)

    def delete(self, key: bytes) -> int:
        return -ENOENT if self.pop() is None else 0

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for position, value in enumerate(self._values):
            yield position.to_bytes(POSITION_BYTES, "little"), value
