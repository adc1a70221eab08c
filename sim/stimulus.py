"""Frames and map contents that lead into a program, found by running it.

Frames that nobody chose for a program end at its first test, and a hash map that holds arbitrary keys is as good as
empty. So frames run through the reference interpreter; those that reach instructions which none reached before are
varied further, with the constants that the program compares with; part of the keys that were looked up are put into
the maps. And again, because what they find leads them to look for more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..codegen.spec import MapSpec, ProgramSpec
from ..hdl.errors import InputError
from ..hdl.maps.base import MapModel
from ..hdl.maps.broadcast import INTERFACES
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.maps.table_array import TableArray
from . import fib_stimulus
from .compare import Oracle
from .interpreter import Interpreter
from .mapfile import Contents
from .traffic_random import random_frames

_ROUNDS = 24
_FRESH = 60  # frames of a round
_MOST_ENTRIES = 64  # of one map
_ROOM = 2
"""Linux gives up entries of an LRU map before it is full, because it keeps up to half of them back for other CPUs
(bpf_lru_list.c); up to this part of it nothing goes."""
_FOUND = 0.75  # of the keys looked up

_LPM_TRIE, _DEVMAP, _CPUMAP, _DEVMAP_HASH = 11, 14, 16, 25
_QUEUE = 192  # frames in a cpumap entry's queue, as in the kernel's samples


@dataclass(frozen=True)
class Stimulus:
    """``frames`` and ``contents`` of maps. ``reached``: slots of the instructions that they reach."""

    frames: Sequence[bytes]
    contents: Contents
    reached: frozenset[int]


def find_stimulus(program: ProgramSpec, maps: Mapping[str, MapSpec], count: int, seed: int) -> Stimulus:
    """``count`` frames, and contents for ``maps``, those that the program uses; the same arguments give the same.

    Global data stays as it is. Linux may still refuse some contents (`fill_as_taken`). There are fewer frames where
    more of them would fill an LRU map: which entries go then is not promised, so nothing could be compared.
    """
    search = _Search(program, maps, seed)
    for number in range(_ROUNDS):
        search.explore(seed + number)
    leading = search.leading[:count]
    frames = [*leading, *search.frames(count - len(leading), seed + _ROUNDS)]
    contents = {name: entries for name, entries in search.contents.items() if entries}
    interpreter = Interpreter(program, maps)
    fill_as_taken(contents, interpreter)
    for index, frame in enumerate(frames):
        interpreter.run(frame, time_ns=1000 * index)
        if _is_crowded(interpreter, maps):
            frames = frames[:index]
            break
    return Stimulus(frames, contents, frozenset(interpreter.executed))


def _is_crowded(interpreter: Interpreter, maps: Mapping[str, MapSpec]) -> bool:
    """Whether a map may have given up entries."""
    evicting = {name: spec for name, spec in maps.items() if MAP_TYPES[spec.type].evicts}
    if not evicting:
        return False
    held = interpreter.maps()
    return any(_ROOM * len(held.get(name, ())) > spec.max_entries for name, spec in evicting.items())


def _most_entries(spec: MapSpec) -> int:
    """How many entries to put in: half of what an LRU map takes before entries go is left to the program."""
    return min(_MOST_ENTRIES, spec.max_entries // (2 * _ROOM) if MAP_TYPES[spec.type].evicts else spec.max_entries)


class _Search:
    """What was found so far: ``contents`` of maps, frames that were ``leading`` when they came."""

    def __init__(self, program: ProgramSpec, maps: Mapping[str, MapSpec], seed: int) -> None:
        self._program, self._maps = program, maps
        self._values = _Values(random.Random(seed), compared_words(program))
        self._reached: set[int] = set()
        self.leading: list[bytes] = []
        self.contents: dict[str, dict[bytes, bytes]] = {n: {} for n, spec in maps.items() if _wants_entries(spec)}
        self._most = 0
        self._asked: dict[str, set[bytes]] = {name: set() for name in self.contents}
        self._seen: dict[str, set[bytes]] = {name: set() for name in self.contents}
        for name, entries in self.contents.items():
            for index in range(_most_entries(maps[name]) if _is_indexed(maps[name]) else 0):
                self._values.add(entries, maps[name], index.to_bytes(4, "little"))
            for key in fib_stimulus.ALWAYS.get(name, ()):
                entries[key] = self._values.value(maps[name], key)

    def frames(self, count: int, seed: int) -> list[bytes]:
        """More frames, many of them like the leading ones."""
        return list(random_frames(seed, count, like=self.leading, words=self._values.words))

    def explore(self, seed: int) -> None:
        """Run more frames on changed contents. Frames that reach something new are kept, and contents on which no less
        is reached than before."""
        contents = {name: self._changed(name) for name in self.contents}
        models = {name: _Watched(MAP_TYPES[self._maps[name].type].model(self._maps[name])) for name in contents}
        interpreter = Interpreter(self._program, self._maps, models)
        fill_as_taken(contents, interpreter)
        for index, frame in enumerate([*self.leading, *self.frames(_FRESH, seed)]):
            interpreter.run(frame, time_ns=1000 * index)
            if interpreter.executed - self._reached:
                self._reached |= interpreter.executed
                self.leading.append(frame)
        for name, watched in models.items():
            self._asked[name] |= watched.wanted
        if len(interpreter.executed) >= self._most:
            self._most, self.contents = len(interpreter.executed), contents

    def _changed(self, name: str) -> dict[bytes, bytes]:
        """The entries of a map with other values here and there, and keys that were asked for since."""
        spec, entries = self._maps[name], dict(self.contents[name])
        for key, value in entries.items():
            entries[key] = self._values.changed(spec, key, value)
        for key in sorted(self._asked[name] - self._seen[name]) if name not in fib_stimulus.ALWAYS else ():
            self._seen[name].add(key)
            if len(entries) < _most_entries(spec):
                self._values.add(entries, spec, key)
        return entries


def compared_words(program: ProgramSpec) -> tuple[bytes, ...]:
    """Numbers that the program compares with, as they may lie in a frame: 1, 2 or 4 bytes, in both orders."""
    words: set[bytes] = set()
    for i in program.instructions:
        if i.is_conditional and not i.uses_register:
            number = i.imm & 0xFFFFFFFF
            size = 1 if number < 1 << 8 else 2 if number < 1 << 16 else 4
            words |= {number.to_bytes(size, "little"), number.to_bytes(size, "big"), number.to_bytes(4, "big")}
    return tuple(sorted(words))


def fill_as_taken(contents: Contents, *oracles: Oracle) -> dict[str, dict[bytes, bytes]]:
    """Put contents into oracles; what comes back are the entries that all of them took.

    Linux is asked first if it is named first: it takes no device that is not there, and no CPU.
    """
    taken: dict[str, dict[bytes, bytes]] = {}
    for name, entries in contents.items():
        for key, value in entries.items():
            try:
                for oracle in oracles:
                    oracle.set_map(name, key, value)
            except InputError:
                continue
            taken.setdefault(name, {})[key] = value
    return taken


def _wants_entries(spec: MapSpec) -> bool:
    """Whether the program looks for entries that the host can put in."""
    operations = MAP_TYPES[spec.type].operations
    return spec.initial is None and not spec.readonly and bool(operations & {"lookup", "redirect", "tail_call"})


def _is_indexed(spec: MapSpec) -> bool:
    plugin = MAP_TYPES[spec.type]
    indexed = plugin.is_constant_address() or isinstance(plugin, TableArray) or "redirect" in plugin.operations
    return spec.key_size == 4 and indexed


class _Values:
    """Makes entries with ``rng``; ``words`` are the numbers that the program compares with."""

    def __init__(self, rng: random.Random, words: Sequence[bytes]) -> None:
        self._rng = rng
        self.words = words

    def add(self, entries: dict[bytes, bytes], spec: MapSpec, key: bytes) -> None:
        """Put in the key, unless the dice say that it shall be missed."""
        if not _is_indexed(spec) and self._rng.random() >= _FOUND:
            return
        if spec.type == _LPM_TRIE:
            key = self._prefix(key)
        if spec.table is not None:
            index = int.from_bytes(key, "little")
            if numbers := spec.table.within(index, index):
                entries[key] = self._rng.choice(numbers).to_bytes(4, "little")
            return
        value = self.value(spec, key)
        if spec.type in (_DEVMAP, _DEVMAP_HASH) and value in entries.values():
            return  # broadcasts want each interface once
        entries[key] = value

    def changed(self, spec: MapSpec, key: bytes, value: bytes) -> bytes:
        """The value, in half of all cases with another word or byte."""
        rng = self._rng
        if (make := fib_stimulus.VALUES.get(spec.name)) is not None:
            return make(rng, key) if rng.random() < 0.2 else value
        if rng.random() < 0.5 or not value or spec.table or spec.type in (_DEVMAP, _DEVMAP_HASH, _CPUMAP):
            return value
        start = rng.randrange(len(value))
        if rng.random() < 0.5:
            return value[:start] + bytes((rng.randrange(4),)) + value[start + 1 :]
        start -= start % 4
        return (value[:start] + self._word(key) + value[start + 4 :])[: len(value)]

    def _prefix(self, key: bytes) -> bytes:
        """A prefix, mostly long, that the key (length in bits, then the bits) has."""
        bits = 8 * (len(key) - 4)
        length = min(bits, int.from_bytes(key[:4], "little"))
        if self._rng.random() < 0.5:
            length = self._rng.randint(0, length)
        kept = int.from_bytes(key[4:], "big") >> bits - length << bits - length
        return length.to_bytes(4, "little") + kept.to_bytes(len(key) - 4, "big")

    def value(self, spec: MapSpec, key: bytes) -> bytes:
        """Words that programs make something of: small ones (states, indexes, flags), extremes, constants of the
        program, parts of the key, anything."""
        if spec.type in (_DEVMAP, _DEVMAP_HASH):
            port = 1 + int.from_bytes(key, "little") % (INTERFACES - 1)
            return port.to_bytes(4, "little").ljust(spec.value_size, b"\0")
        if spec.type == _CPUMAP:
            return _QUEUE.to_bytes(4, "little").ljust(spec.value_size, b"\0")
        if (make := fib_stimulus.VALUES.get(spec.name)) is not None:
            return make(self._rng, key)
        value = b""
        while len(value) < spec.value_size:
            value += self._word(key)
        return value[: spec.value_size]

    def _word(self, key: bytes) -> bytes:
        rng = self._rng
        match rng.randrange(8):
            case 0:
                return bytes(4)
            case 1 | 2:
                return rng.randrange(16).to_bytes(4, "little")
            case 3:
                return rng.choice((b"\xff\xff\xff\xff", rng.randrange(256).to_bytes(4, "little")))
            case 4 if self.words:
                return rng.choice(self.words)[:4].ljust(4, b"\0")
            case 5:
                start = rng.randrange(0, len(key), 4)
                return key[start : start + 4].ljust(4, b"\0")
            case 6:
                return bytes(rng.randrange(3) for _ in range(4))
            case _:
                return rng.randbytes(4)


class _Watched(MapModel):
    """Another model, and which keys it was asked for."""

    def __init__(self, model: MapModel) -> None:
        self._model = model
        self.wanted: set[bytes] = set()

    def lookup(self, key: bytes) -> int | None:
        self.wanted.add(bytes(key))
        return self._model.lookup(key)

    def redirect(self, index: int) -> int | None:
        self.wanted.add(index.to_bytes(4, "little"))
        return self._model.redirect(index)

    def program(self, index: int) -> int:
        self.wanted.add(index.to_bytes(4, "little"))
        return self._model.program(index)

    def value(self, handle: int) -> bytearray:
        return self._model.value(handle)

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return self._model.update(key, value, flags)

    def delete(self, key: bytes) -> int:
        return self._model.delete(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return self._model.items()

    def find(self, address: int) -> int:
        return self._model.find(address)
