"""Maps: lookups and work on values, updates, deletes, global data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from map_kinds import GLOBALS, HASH, HASHES, INNER, LOCK, PER_CPU, PERCPU_HASH, QUEUES, WRITABLE
from rules import rule
from statements.memory import atomic
from writer import KEY, NUMBERS, VALUE, Writer

LOOKUP, UPDATE, DELETE, LOOKUP_PERCPU = 1, 2, 3, 195
PUSH, POP, PEEK = 87, 88, 89
SPIN_LOCK, SPIN_UNLOCK = 93, 94
LOCK_END = LOCK + 4


def key(w: Writer, spec: MapSpec) -> tuple[int, int]:
    """Build a key of few values, sometimes out of an array's range; (register, offset) of its place."""
    a, rng = w.a, w.rng
    if spec.type in (HASH, PERCPU_HASH) and w.state.checked >= spec.key_size and rng.random() < 0.15:
        return w.frame, rng.randint(0, w.state.checked - spec.key_size)
    for start in range(0, spec.key_size):
        if start % 4 == 0 and start + 4 <= spec.key_size:
            a.store(4, FP, KEY + start, imm=0)
        elif start >= spec.key_size & ~3:
            a.store(1, FP, KEY + start, imm=0)
    size = next(s for s in (8, 4, 2, 1) if s <= spec.key_size)
    if rng.random() < 0.3:
        a.store(size, FP, KEY, imm=rng.randrange(5))
        return FP, KEY
    source = w.any_number()
    (scratch,) = w.temporaries(1, keep=(source,))
    a.move(scratch, src=source)
    a.alu(Alu.AND, scratch, imm=rng.choice((1, 3, 3, 7)))
    a.store(size, FP, KEY, src=scratch)
    return FP, KEY


def value(w: Writer, spec: MapSpec) -> tuple[int, int]:
    """Build a value; (register, offset) of its place."""
    if w.state.checked >= spec.value_size and w.rng.random() < 0.2:
        return w.frame, w.rng.randint(0, w.state.checked - spec.value_size)
    for offset in range(0, spec.value_size, 4):
        w.a.store(4, FP, VALUE + offset, src=w.any_number())
    return FP, VALUE


def flags(w: Writer) -> None:
    """Flags in r4: mostly valid ones."""
    w.state.numbers.discard(4)
    if w.rng.random() < 0.85:
        w.a.move(4, imm=w.rng.choice((0, 0, 0, 1, 2, 3, 4, 8)))
        return
    w.a.move(4, src=w.any_number())
    w.a.alu(Alu.AND, 4, imm=3)


@rule(2.5, when=lambda w: w.may_nest)
def map_value(w: Writer) -> None:
    """Look up, and work on the value if it is there."""
    a, rng = w.a, w.rng
    spec = w.maps[rng.choice((*WRITABLE, "array", "hash"))]
    place = key(w, spec)
    helper = LOOKUP
    if spec.type in PER_CPU and rng.random() < 0.3:
        a.move(3, imm=0)
        helper = LOOKUP_PERCPU
    a.map(1, spec.name)
    w.pointer(2, *place)
    a.call(helper)
    w.clobber()
    keep = w.held is None and rng.random() < 0.4
    pointer = w.extra if keep else 0
    if keep:
        w.state.numbers.discard(w.extra)
        a.move(w.extra, src=0)
    with w.skippable() as done:
        if rng.random() < 0.3:
            there = Label()
            a.jump(Jump.JNE, there, pointer, imm=0)
            w.goto(done)
            a.place(there)
        else:
            a.jump(Jump.JEQ, done, pointer, imm=0)
        if keep:
            w.held = spec.name
        for _ in range(rng.randint(1, 3)):
            value_access(w, pointer, spec.value_size)
            if keep and rng.random() < 0.5:
                w.nested(1)
    w.state.numbers.discard(pointer)
    if keep:
        w.held = None
        a.move(w.extra, imm=w.immediate())
        w.state.numbers.add(w.extra)


def value_access(w: Writer, pointer: int, size: int, *, writable: bool = True) -> None:
    """A load, store, read-modify-write or atomic operation on ``size`` bytes behind a pointer into a map value."""
    a, rng = w.a, w.rng
    w.state.numbers.discard(pointer)
    kind = rng.random()
    if kind < 0.4 or not writable:
        w.access(pointer, 0, size, writable=writable)
    elif kind < 0.6:
        width = rng.choice([each for each in (1, 2, 4, 8) if each <= size])
        offset = width * rng.randrange(size // width)
        (scratch,) = w.temporaries(1, keep=(pointer,))
        a.load(width, scratch, pointer, offset)
        a.alu(rng.choice((Alu.ADD, Alu.XOR)), scratch, src=w.any_number())
        a.store(width, pointer, offset, src=scratch)
    elif kind < 0.85:
        atomic(w, pointer, 0, size)
    elif size > 1:
        indexed_value_access(w, pointer, size)


def indexed_value_access(w: Writer, pointer: int, size: int) -> None:
    """At a computed offset inside the value."""
    mask = w.rng.choice([m for m in (1, 3, 7) if m < size])
    source = w.any_number()
    index, place = w.temporaries(2, keep=(pointer, source))
    w.a.move(index, src=source)
    w.a.alu(Alu.AND, index, imm=mask)
    w.pointer(place, pointer)
    w.a.alu(Alu.ADD, place, src=index)
    w.access(place, 0, size - mask, keep=pointer)
    w.state.numbers.discard(place)


def update(w: Writer, name: str) -> None:
    spec = w.maps[name]
    key_place, value_place = key(w, spec), value(w, spec)
    flags(w)
    w.a.map(1, spec.name)
    w.pointer(2, *key_place)
    w.pointer(3, *value_place)
    w.call(UPDATE)


@rule(1.8, when=lambda w: w.held is None)
def hash_update(w: Writer) -> None:
    update(w, w.rng.choice((*HASHES, "hash")))


@rule(0.8)
def array_update(w: Writer) -> None:
    update(w, w.rng.choice(("array", "percpu_array")))


@rule(0.9, when=lambda w: w.held is None)
def delete(w: Writer) -> None:
    spec = w.maps[w.rng.choice((*HASHES, "hash", "array"))]
    place = key(w, spec)
    w.a.map(1, spec.name)
    w.pointer(2, *place)
    w.call(DELETE)


@rule(1.2, frame=False)
def global_data(w: Writer) -> None:
    spec = w.maps[w.rng.choice(GLOBALS)]
    (pointer,) = w.temporaries(1)
    w.a.map(pointer, spec.name, 0)
    value_access(w, pointer, spec.value_size, writable=not spec.readonly)
    w.state.numbers.discard(pointer)


@rule(0.5)
def push(w: Writer) -> None:
    spec = w.maps[w.rng.choice(QUEUES)]
    place = value(w, spec)
    w.clobber()
    w.a.map(1, spec.name)
    w.pointer(2, *place)
    w.a.move(3, imm=w.rng.choice((0, 0, 2, 1)))
    w.call(PUSH)


@rule(0.5)
def pop(w: Writer) -> None:
    """Or look without taking. The value becomes numbers on the stack."""
    spec = w.maps[w.rng.choice(QUEUES)]
    w.clobber()
    w.a.map(1, spec.name)
    w.pointer(2, FP, -NUMBERS + 8 * w.rng.randint(0, (NUMBERS - spec.value_size) // 8))
    w.call(w.rng.choice((POP, POP, PEEK)))


def prefix(w: Writer, spec: MapSpec) -> tuple[int, int]:
    """An address of the frame or a number as a key of an LPM trie, with as many bits as there are or fewer."""
    a, rng, size = w.a, w.rng, spec.key_size - 4
    source = w.any_number()
    if rng.random() < 0.7:
        a.store(4, FP, KEY, imm=rng.choice((8 * size, 8 * size, 8 * size - 3, 1, 0, 100)))
    else:
        a.store(4, FP, KEY, src=source)
    a.store(size, FP, KEY + 4, src=source)
    if w.state.checked >= size and rng.random() < 0.5:
        (scratch,) = w.temporaries(1)
        a.load(size, scratch, w.frame, rng.randint(0, w.state.checked - size))
        a.store(size, FP, KEY + 4, src=scratch)
    return FP, KEY


@rule(0.3, when=lambda w: w.held is None)
def change_prefix(w: Writer) -> None:
    a, spec = w.a, w.maps["lpm"]
    place = prefix(w, spec)
    if w.rng.random() < 0.4:
        a.map(1, spec.name)
        w.pointer(2, *place)
        w.call(DELETE)
        return
    value_place = value(w, spec)
    flags(w)
    a.map(1, spec.name)
    w.pointer(2, *place)
    w.pointer(3, *value_place)
    w.call(UPDATE)


@contextmanager
def found(w: Writer, spec: MapSpec) -> Iterator[None]:
    """Look a key up. What is written inside is for when it is there: ``extra`` is the pointer then, and a number again
    behind it."""
    a, place = w.a, key(w, spec)
    a.map(1, spec.name)
    w.pointer(2, *place)
    a.call(LOOKUP)
    w.clobber()
    w.state.numbers.discard(w.extra)
    a.move(w.extra, src=0)
    with w.skippable() as done:
        a.jump(Jump.JEQ, done, w.extra, imm=0)
        yield
    a.move(w.extra, imm=w.immediate())
    w.state.numbers.add(w.extra)


@rule(0.5, when=lambda w: w.may_nest and w.held is None)
def inner_map(w: Writer) -> None:
    """Take a map out of a map of maps, and look up, update and delete in it."""
    a, rng, outer, spec = w.a, w.rng, w.maps["outer"], w.maps[INNER[0]]
    with found(w, outer):
        for act in rng.choices((LOOKUP, UPDATE, DELETE), (4, 2, 1), k=rng.randint(1, 3)):
            place = key(w, spec)
            value_place = value(w, spec) if act == UPDATE else place
            if act == UPDATE:
                flags(w)
                w.pointer(3, *value_place)
            a.move(1, src=w.extra)
            w.pointer(2, *place)
            if act != LOOKUP:
                w.call(act)
                continue
            a.call(LOOKUP)
            w.clobber()
            with w.skippable() as absent:
                a.jump(Jump.JEQ, absent, 0, imm=0)
                value_access(w, 0, spec.value_size)
            w.state.numbers.discard(0)


@rule(0.5, when=lambda w: w.may_nest)
def longest_prefix(w: Writer) -> None:
    a, spec = w.a, w.maps["lpm"]
    place = prefix(w, spec)
    w.clobber()
    a.map(1, spec.name)
    w.pointer(2, *place)
    a.call(LOOKUP)
    with w.skippable() as done:
        a.jump(Jump.JEQ, done, 0, imm=0)
        value_access(w, 0, spec.value_size)
    w.state.numbers.discard(0)


@rule(0.5, when=lambda w: w.held is None)
def locked_value(w: Writer) -> None:
    """Look up a value with a lock, and work on it while the lock is held."""
    a, rng, spec = w.a, w.rng, w.maps["locked"]
    if spec.type == HASH and rng.random() < 0.7:
        update_locked(w, spec)
    with found(w, spec):
        w.pointer(1, w.extra, LOCK)
        a.call(SPIN_LOCK)
        w.clobber()
        for _ in range(rng.randint(1, 3)):
            low, high = rng.choice(((0, LOCK), (LOCK_END, spec.value_size)))
            w.access(w.extra, low, high)
        w.pointer(1, w.extra, LOCK)
        a.call(SPIN_UNLOCK)
        w.clobber()


def update_locked(w: Writer, spec: MapSpec) -> None:
    place = key(w, spec)
    at = value(w, spec)
    w.clobber()
    w.a.map(1, spec.name)
    w.pointer(2, *place)
    w.pointer(3, *at)
    w.a.move(4, imm=w.rng.choice((0, 0, 1, 4)))
    w.call(UPDATE)
