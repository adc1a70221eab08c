"""Host software for the control bus, over any transport: identification, counters, latencies and maps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TypeVar

from ..hdl.errors import InputError
from ..hdl.events import EventShape, data_bytes
from ..hdl.helpers import event_kinds
from ..hdl.helpers.events import Event, EventKind
from ..hdl.maps.base import POSITION_BYTES
from ..hdl.maps.linux import E2BIG
from ..hdl.maps.unit import HostOp
from ..hdl.registers import COUNTERS, MAGIC, VERSION, RegisterMap

BATCH = 1000
"""Operations on a map that are carried out as one list of transfers, at most: others get at the device in between."""

T = TypeVar("T")


@dataclass
class Batch:
    """Transfers in order: (address, word to write) or (address, None) to read."""

    transfers: list[tuple[int, int | None]] = field(default_factory=list)

    def write(self, address: int, word: int) -> None:
        self.transfers.append((address, word))

    def read(self, address: int) -> None:
        self.transfers.append((address, None))


Transport = Callable[[Sequence[tuple[int, int | None]]], list[int]]
"""Carries out transfers in order and returns the words read. Where several clients share a device, nothing of others
comes in between: operations on maps use registers that are there once."""


def one_by_one(read: Callable[[int], int], write: Callable[[int, int], None]) -> Transport:
    """A transport from functions that carry out a single transfer."""

    def carry(transfers: Sequence[tuple[int, int | None]]) -> list[int]:
        words = []
        for address, word in transfers:
            if word is None:
                words.append(read(address))
            else:
                write(address, word)
        return words

    return carry


@dataclass(frozen=True)
class LatencyFigures:
    """Cycles: least, most, sum and number of frames, and frames by cycles (the last bin: that many or more).
    ``low`` and ``high`` are None when no frame was measured."""

    low: int | None
    high: int | None
    total: int
    count: int
    bins: tuple[int, ...]


class ControlClient:
    """A device behind a control bus.

    Raises `InputError` when what answers is not a device of this kind.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._registers = RegisterMap()
        magic, version = self._read("magic"), self._read("version")
        if magic != MAGIC:
            raise InputError(f"no hardpath device on the control bus: it says 0x{magic:08x}, not 0x{MAGIC:08x}")
        if version != VERSION:
            raise InputError(f"the device has register map {version}, this software knows {VERSION}: build it anew")

    # Transfers

    def transfer(self, batch: Batch) -> list[int]:
        """Carry out a batch; the words read."""
        return self._transport(batch.transfers)

    def address(self, name: str, index: int = 0) -> int:
        """As `hdl.registers.RegisterMap.address`."""
        return self._registers.address(name, index)

    def _read(self, name: str) -> int:
        return self._block(name, 1)[0]

    def _block(self, name: str, words: int) -> list[int]:
        batch = Batch()
        for i in range(words):
            batch.read(self.address(name, i))
        return self.transfer(batch)

    def _long(self, name: str, index: int = 0) -> int:
        batch = Batch()
        batch.read(self.address(name, index))
        batch.read(self.address(name, index) + 1)
        low, high = self.transfer(batch)
        return low | high << 32

    # What it is

    @property
    def digest(self) -> bytes:
        """32 bytes that name what was built."""
        return _bytes(self._block("digest", 8), 32)

    @cached_property
    def description(self) -> dict[str, object]:
        """See `hdl.registers.description`."""
        size = self._read("description_bytes")
        content = json.loads(_bytes(self._block("description", -(-size // 4)), size))
        assert isinstance(content, dict)
        return content

    @property
    def program(self) -> str:
        """The program's name."""
        return str(self.description["program"])

    @cached_property
    def maps(self) -> dict[str, Map]:
        """The program's maps by name."""
        described = self.description["maps"]
        assert isinstance(described, list)
        return {
            entry["name"]: Map(
                self,
                number,
                entry["name"],
                entry["bytes_key"],
                entry["bytes_value"],
                {what: entry[what] for what in ("type", "max_entries", "flags")},
            )
            for number, entry in enumerate(described)
        }

    # What it counted

    def counters(self) -> dict[str, int]:
        """All of `hdl.registers.COUNTERS`."""
        return {name: self._long(name) for name in COUNTERS}

    def stalls(self) -> dict[str, int]:
        """Cycles in which each cause held frames back."""
        names = self.description["stalls"]
        assert isinstance(names, list)
        return {str(name): self._long("stalls", i) for i, name in enumerate(names)}

    def latency(self, which: str) -> LatencyFigures:
        """``which``: "first" or "last" beat out."""
        name = f"latency_{which}"
        count = self._long(f"{name}_count")
        return LatencyFigures(
            low=self._read(f"{name}_low") if count else None,
            high=self._read(f"{name}_high") if count else None,
            total=self._long(f"{name}_total"),
            count=count,
            bins=tuple(self._block(f"{name}_bins", self._read("bins"))),
        )

    # What it tells

    @cached_property
    def event_kinds(self) -> tuple[EventKind, ...]:
        """The kinds of its events, by site."""
        kinds = self.description["events"]
        assert isinstance(kinds, list)
        return tuple(event_kinds.described(kind) for kind in kinds)

    def events(self) -> list[tuple[int, Event]]:
        """The events that wait in the device, which has them no longer: number of the frame since reset, and event."""
        beats: list[tuple[int, int, bytes]] = []
        waiting, ended = self._read("event_level"), True
        while waiting or not ended:
            # Those that come meanwhile are left for the next time, but for the end of the last one.
            if not waiting and not (waiting := min(1, self._read("event_level"))):
                continue
            beat, ended = self._take_beat()
            beats.append(beat)
            waiting -= 1
        return list(event_kinds.decode(beats, self.event_kinds, self.width))

    @cached_property
    def width(self) -> int:
        """Bytes of a beat of frames."""
        return self._read("width")

    @cached_property
    def _event_bytes(self) -> int:
        """Of a beat of events."""
        return data_bytes([EventShape(sum(kind.widths), kind.tail) for kind in self.event_kinds], self.width)

    def _take_beat(self) -> tuple[tuple[int, int, bytes], bool]:
        """Frame, site and data; and whether the event ends with it."""
        size = self._event_bytes
        batch = Batch()
        for name in ("event_site", "event_frame"):
            batch.read(self.address(name))
        for i in range(_words(size)):
            batch.read(self.address("event_data", i))
        batch.write(self.address("event_take"), 1)
        site, frame, *data = self.transfer(batch)
        return (frame, site & 0xFFFF, _bytes(data, size)), bool(site >> 31)

    @property
    def events_lost(self) -> int:
        """Events that found no room, since the counters were cleared."""
        return self._long("event_lost")

    def lose_events(self, lose: bool) -> None:
        """Whether events that find no room are lost; otherwise their frames wait, and all behind them."""
        batch = Batch()
        batch.write(self.address("event_lose"), int(lose))
        self.transfer(batch)

    def clear(self) -> None:
        """Counters, stalls and latencies start over; returns when they have."""
        batch = Batch()
        batch.write(self.address("clear"), 3)
        self.transfer(batch)
        while self._read("clearing"):
            pass


class Map:
    """A map in the device. Keys and values are bytes in memory order; every operation happens between two frames.
    ``facts``: its type, max_entries and flags."""

    def __init__(
        self, client: ControlClient, number: int, name: str, key_size: int, value_size: int, facts: Mapping[str, int]
    ) -> None:
        self.name = name
        self.key_size = key_size
        self.value_size = value_size
        self.facts = facts
        self._client = client
        self._number = number

    def lookup(self, key: bytes) -> bytes | None:
        """The value, or None."""
        return self.lookup_many([key])[0]

    def lookup_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """`lookup` for many keys, in batches of `BATCH`."""
        found: list[bytes | None] = []
        for some in _batches(keys):
            batch = self._begin()
            for key in some:
                self._operand(batch, "map_key", key, self.key_size)
                self._command(batch, HostOp.LOOKUP)
                self._read(batch, "map_value", self.value_size)
            words = iter(self._client.transfer(batch))
            for _ in some:
                status, value = next(words), [next(words) for _ in range(_words(self.value_size))]
                found.append(_bytes(value, self.value_size) if status == 0 else None)
        return found

    def update(self, key: bytes, value: bytes, flags: int = 0) -> int:
        """0 or a negative errno, as bpf_map_update_elem. ``flags``: BPF_ANY 0, BPF_NOEXIST 1, BPF_EXIST 2."""
        return self.update_many([(key, value)], flags)[0]

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> list[int]:
        """`update` for many entries, in batches of `BATCH`."""
        found: list[int] = []
        for some in _batches(entries):
            batch = self._begin()
            batch.write(self._client.address("map_flags"), flags)
            for key, value in some:
                if self.key_size:
                    self._operand(batch, "map_key", key, self.key_size)
                self._operand(batch, "map_value", value, self.value_size)
                self._command(batch, HostOp.UPDATE)
            found += map(_errno, self._client.transfer(batch))
        return found

    def delete(self, key: bytes) -> int:
        """0 or a negative errno, as bpf_map_delete_elem."""
        return self.delete_many([key])[0]

    def delete_many(self, keys: Iterable[bytes]) -> list[int]:
        """`delete` for many keys, in batches of `BATCH`."""
        found: list[int] = []
        for some in _batches(keys):
            batch = self._begin()
            for key in some:
                self._operand(batch, "map_key", key, self.key_size)
                self._command(batch, HostOp.DELETE)
            found += map(_errno, self._client.transfer(batch))
        return found

    def push(self, value: bytes, flags: int = 0) -> int:
        """0 or a negative errno, as bpf_map_push_elem. ``flags``: BPF_ANY 0, BPF_EXIST 2. For maps without keys."""
        return self.update(b"", value, flags)

    def pop(self) -> bytes | None:
        """The value taken away, None if there is none."""
        return self._fetch(HostOp.DELETE)

    def peek(self) -> bytes | None:
        """The value that `pop` would give."""
        return self._fetch(HostOp.LOOKUP)

    def _fetch(self, op: HostOp) -> bytes | None:
        batch = self._begin()
        self._command(batch, op)
        self._read(batch, "map_value", self.value_size)
        status, *words = self._client.transfer(batch)
        return _bytes(words, self.value_size) if status == 0 else None

    def holds(self, value: bytes) -> bool:
        """Whether a bloom filter finds a value."""
        batch = self._begin()
        self._operand(batch, "map_value", value, self.value_size)
        self._command(batch, HostOp.LOOKUP)
        return _errno(self._client.transfer(batch)[0]) == 0

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All entries, in the order of the hardware's slots; those of maps without keys by position."""
        first, slots = 0, 1
        while True:
            batch = self._begin()
            for slot in range(first, first + slots):
                batch.write(self._client.address("map_index"), slot)
                self._command(batch, HostOp.ENTRY)
                self._read(batch, "map_key", self.key_size)
                self._read(batch, "map_value", self.value_size)
            words = iter(self._client.transfer(batch))
            for slot in range(first, first + slots):
                status = _errno(next(words))
                key = _bytes([next(words) for _ in range(_words(self.key_size))], self.key_size)
                value = _bytes([next(words) for _ in range(_words(self.value_size))], self.value_size)
                if status == -E2BIG:
                    return
                if status == 0:
                    yield key or slot.to_bytes(POSITION_BYTES, "little"), value
            first += slots
            slots = min(2 * slots, 64)  # small maps should not cost the batches of large ones

    def _begin(self) -> Batch:
        batch = Batch()
        batch.write(self._client.address("map_select"), self._number)
        return batch

    def _command(self, batch: Batch, op: HostOp) -> None:
        """Start an operation and read its status; the device lets the read wait until it is done."""
        batch.write(self._client.address("map_command"), op)
        batch.read(self._client.address("map_status"))

    def _operand(self, batch: Batch, name: str, data: bytes, size: int) -> None:
        if len(data) != size:
            what = name.removeprefix("map_")
            raise InputError(f"map {self.name} has {what}s of {size} bytes, not {len(data)}")
        for i in range(_words(len(data))):
            word = int.from_bytes(data[4 * i : 4 * i + 4], "little")
            batch.write(self._client.address(name, i), word)

    def _read(self, batch: Batch, name: str, size: int) -> None:
        for i in range(_words(size)):
            batch.read(self._client.address(name, i))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, BATCH)):
        yield some


def _words(size: int) -> int:
    return -(-size // 4)


def _bytes(words: Sequence[int], size: int) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)[:size]


def _errno(status: int) -> int:
    return status - (1 << 32) if status >> 31 else status
