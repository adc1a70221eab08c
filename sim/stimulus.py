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
from ..hdl.maps.registry import MAP_TYPES
from .compare import Oracle
from .interpreter import Interpreter
from .mapfile import Contents
from .traffic_random import random_frames

_ROUNDS = 4
_MOST_ENTRIES = 64  # of one map
_FOUND = 0.75  # of the keys looked up
_MOST_FRAMES = 500  # of one round

_LPM_TRIE, _DEVMAP, _CPUMAP, _DEVMAP_HASH = 11, 14, 16, 25
_LOOPBACK = 1  # the interface that every Linux has
_QUEUE = 192  # frames in a cpumap entry's queue, as in the kernel's samples


@dataclass(frozen=True)
class Stimulus:
    """``frames`` and ``contents`` of maps. ``reached``: slots of the instructions that they reach."""

    frames: Sequence[bytes]
    contents: Contents
    reached: frozenset[int]


def find_stimulus(program: ProgramSpec, maps: Mapping[str, MapSpec], count: int, seed: int) -> Stimulus:
    """``count`` frames, and contents for ``maps``, those that the program uses; the same arguments give the same.

    Global data stays as it is. Linux may still refuse some contents (`fill_as_taken`).
    """
    rng = random.Random(seed)
    words = compared_words(program)
    contents: dict[str, dict[bytes, bytes]] = {name: {} for name, spec in maps.items() if _wants_entries(spec)}
    asked: dict[str, set[bytes]] = {name: set() for name in contents}
    for name in contents:
        for index in range(min(maps[name].max_entries, _MOST_ENTRIES) if _is_indexed(maps[name]) else 0):
            _add(contents[name], maps[name], index.to_bytes(4, "little"), rng)
    reached: set[int] = set()
    leading: list[bytes] = []
    for number in range(_ROUNDS + 1):
        last = number == _ROUNDS  # the frames and contents that count
        size = count - len(leading) if last else min(count, _MOST_FRAMES)
        fresh = random_frames(seed + number, max(0, size), like=leading, words=words)
        frames = [*leading[:count], *fresh] if last else list(fresh)
        models = {name: _Watched(MAP_TYPES[maps[name].type].model(maps[name])) for name in contents}
        interpreter = Interpreter(program, maps, models)
        fill_as_taken(contents, interpreter)
        for index, frame in enumerate(frames):
            interpreter.run(frame, time_ns=1000 * index)
            if interpreter.executed - reached and not last:
                reached |= interpreter.executed
                leading.append(frame)
        if last:
            break
        for name, watched in models.items():
            for key in sorted(watched.wanted - asked[name]):
                asked[name].add(key)
                if rng.random() < _FOUND and len(contents[name]) < min(maps[name].max_entries, _MOST_ENTRIES):
                    _add(contents[name], maps[name], key, rng)
    filled = {name: entries for name, entries in contents.items() if entries}
    return Stimulus(frames, filled, frozenset(interpreter.executed))


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
    return spec.key_size == 4 and (plugin.is_constant_address() or bool(plugin.operations & {"redirect", "tail_call"}))


def _add(entries: dict[bytes, bytes], spec: MapSpec, key: bytes, rng: random.Random) -> None:
    if spec.type == _LPM_TRIE:
        key = _prefix(key, rng)
    if spec.table is not None:
        index = int.from_bytes(key, "little")
        if numbers := spec.table.within(index, index):
            entries[key] = rng.choice(numbers).to_bytes(4, "little")
        return
    entries[key] = _value(spec, rng)


def _prefix(key: bytes, rng: random.Random) -> bytes:
    """A prefix, mostly long, that the key (length in bits, then the bits) has."""
    bits = 8 * (len(key) - 4)
    length = min(bits, int.from_bytes(key[:4], "little"))
    if rng.random() < 0.5:
        length = rng.randint(0, length)
    kept = int.from_bytes(key[4:], "big") >> bits - length << bits - length
    return length.to_bytes(4, "little") + kept.to_bytes(len(key) - 4, "big")


def _value(spec: MapSpec, rng: random.Random) -> bytes:
    """Words that programs make something of: small ones (states, indexes, flags), extremes, anything."""
    if spec.type in (_DEVMAP, _DEVMAP_HASH):
        return _LOOPBACK.to_bytes(4, "little").ljust(spec.value_size, b"\0")
    if spec.type == _CPUMAP:
        return _QUEUE.to_bytes(4, "little").ljust(spec.value_size, b"\0")
    words = bytearray()
    while len(words) < spec.value_size:
        word = rng.choice((0, 1, 2, rng.randrange(16), rng.randrange(256), 0xFFFFFFFF, rng.getrandbits(32)))
        words += word.to_bytes(4, "little")
    return bytes(words[: spec.value_size])


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
