"""Changes to a specification that a user asks for: sizes of maps, values of global variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...hdl.errors import InputError
from ..isa import Alu, Class
from ..spec import MapSpec, ObjectSpec

UNSIZED = 256
"""Entries that `with_bounded_maps` gives a map whose max_entries is left to user space."""

UNSIZED_BYTES = 1 << 16
"""The same for ring buffers, whose max_entries are bytes."""

_BYTES = frozenset({27, 31})  # ringbuf, user_ringbuf

_INDEXED = frozenset({2, 3, 4, 6, 12, 14, 16, 17})
"""Array, prog_array, perf_event_array, percpu_array, array_of_maps, devmap, cpumap, xskmap."""

_LARGEST_INDEX = 4096
"""No larger number in a program is taken for an index."""


def with_map_size(spec: ObjectSpec, name: str, entries: int) -> ObjectSpec:
    """The object with another ``max_entries`` of one map. Raises `InputError`."""
    found = spec.maps.get(name)
    if found is None:
        raise InputError(f"{spec.path}: there is no map {name}; it has {', '.join(spec.maps) or 'none'}")
    if found.initial is not None:
        raise InputError(f"{spec.path}: {name} holds global data and always has one entry")
    if not 0 < entries < 1 << 32:
        raise InputError(f"{spec.path}: map {name} cannot have {entries} entries; from 1 to {(1 << 32) - 1} can be")
    return _with_maps(spec, {name: replace(found, max_entries=entries)})


def with_bounded_maps(spec: ObjectSpec, most: int | None) -> ObjectSpec:
    """The object with no more than ``most`` entries in a map (None: as declared), and with `UNSIZED` of them, or
    ``most`` if that is less, where max_entries is left to user space (0).

    Where keys are indexes, those stay that a program may name: if nothing were there, all that depends on it were dead.
    """
    constants = {each for each in _constants(spec) if 0 <= each < _LARGEST_INDEX} if most else set()

    def bounded(found: MapSpec) -> MapSpec:
        inner = None if found.inner is None else bounded(found.inner)
        entries = found.max_entries
        if found.initial is None and found.type in _BYTES:
            entries = entries or UNSIZED_BYTES
        elif found.initial is None:
            bound = most or entries or UNSIZED
            if found.type in _INDEXED:
                bound = max(bound, *(index + 1 for index in constants if index < entries), 1)
            entries = min(entries or UNSIZED, bound)
        return replace(found, max_entries=entries, inner=inner)

    return _with_maps(spec, {name: bounded(found) for name, found in spec.maps.items()})


def _constants(spec: ObjectSpec) -> Iterator[int]:
    """The numbers that programs put into registers and memory."""
    for program in spec.programs:
        for i in program.instructions:
            if (i.is_alu and i.operation == Alu.MOV and not i.uses_register) or (i.is_store and i.cls == Class.ST):
                yield i.imm


def with_variables(spec: ObjectSpec, values: Mapping[str, int]) -> ObjectSpec:
    """The object with other initial values of global variables (integers, enums and bool of 1 to 8 bytes).

    Raises `InputError` for a variable that does not exist or a value that does not fit.
    """
    for name, value in values.items():
        spec = _with_variable(spec, name, value)
    return spec


def _with_variable(spec: ObjectSpec, name: str, value: int) -> ObjectSpec:
    found = spec.variables.get(name)
    if found is None:
        raise InputError(f"{spec.path}: there is no variable {name}; it has {', '.join(spec.variables) or 'none'}")
    if not found.number:
        raise InputError(f"{spec.path}: variable {name} is no integer of 1 to 8 bytes and cannot be set")
    size, data = found.size, spec.maps[found.map]
    if not -(1 << 8 * size - 1) <= value < 1 << 8 * size:
        raise InputError(f"{spec.path}: {value} does not fit the {size} bytes of variable {name}")
    initial = data.initial or b""
    raw = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    patched = initial[: found.offset] + raw + initial[found.offset + size :]
    return _with_maps(spec, {data.name: replace(data, initial=patched)})


def _with_maps(spec: ObjectSpec, changed: Mapping[str, MapSpec]) -> ObjectSpec:
    return replace(spec, maps={name: changed.get(name, found) for name, found in spec.maps.items()})
