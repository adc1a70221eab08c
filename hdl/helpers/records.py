"""Events that are records: bytes that a program puts into a buffer which the host reads."""

from __future__ import annotations

from dataclasses import dataclass

from .events import TAIL, Event

LENGTH_BITS = 16

MOST_DATA = 1024
"""Bytes of memory in a record at most; they are carried through the pipeline in registers."""

PERF_ALIGNMENT, PERF_HEADER = 8, 4


def perf_record(data: bytes) -> bytes:
    """The bytes as they lie in a perf buffer: filled up so that they and their 32-bit size end at a multiple of 8
    bytes (perf_prepare_sample). Linux leaves in the filling what was there before; here it is zero."""
    return data + bytes(-(len(data) + PERF_HEADER) % PERF_ALIGNMENT)


@dataclass(frozen=True, slots=True)
class Record:
    """The kind of events that are records in the buffer of ``map``.

    ``most``: bytes of memory, or ``varies``: how many of them count comes with the event. ``front``: bytes of the
    frame behind them, ``sampled``: how many bytes of the frame belong to the record comes with the event; those that
    are not in ``front`` are the ``tail``. ``perf``: the record is one of a perf buffer (`perf_record`).
    """

    map: str
    most: int
    varies: bool = False
    front: int = 0
    sampled: bool = False
    tail: bool = False
    perf: bool = False

    @property
    def channel(self) -> str:
        """Each buffer is one."""
        return self.map

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of: what `TAIL` says, the bytes of memory and of the frame that count, and the bytes."""
        return (
            *(TAIL if self.tail else ()),
            *([LENGTH_BITS] if self.varies else ()),
            *([LENGTH_BITS] if self.sampled else ()),
            *([8 * self.most] if self.most else ()),
            *([8 * self.front] if self.front else ()),
        )

    def decode(self, packed: int, tail: bytes = b"") -> Event:
        """The record for its values, and for the bytes of the frame behind them."""

        def take(bits: int) -> int:
            nonlocal packed
            value = packed & ((1 << bits) - 1)
            packed >>= bits
            return value

        if self.tail:
            take(sum(TAIL))
        length = take(LENGTH_BITS) if self.varies else self.most
        sampled = take(LENGTH_BITS) if self.sampled else self.front
        data = take(8 * self.most).to_bytes(self.most, "little")[:length]
        data += (take(8 * self.front).to_bytes(self.front, "little") + tail)[:sampled]
        return Event(self.map, (perf_record(data) if self.perf else data).hex())
