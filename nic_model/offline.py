"""The maps of an object without a device: contents from a file, in the reference models that know Linux's rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..codegen.inner_maps import value_names
from ..codegen.spec import MapSpec, ObjectSpec
from ..hdl.maps.base import MapModel
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.maps.slot_table import SlotTable
from ..sim.mapfile import Contents, not_taken
from .host_maps import Constant, HostMap


class ModelMap:
    """A map of bytes (`nic_model.host_maps.Backend`) in a reference model."""

    def __init__(self, model: MapModel) -> None:
        self._model = model

    def lookup_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        handles = [self._model.lookup(key) for key in keys]
        return [None if handle is None else bytes(self._model.value(handle)) for handle in handles]

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> list[int]:
        return [self._model.update(key, value, flags) for key, value in entries]

    def delete_many(self, keys: Iterable[bytes]) -> list[int]:
        return [self._model.delete(key) for key in keys]

    def push(self, value: bytes, flags: int = 0) -> int:
        return self._model.push(value, flags)

    def pop(self) -> bytes | None:
        return self._model.pop()

    def peek(self) -> bytes | None:
        return self._model.peek(b"")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self._model.items()))


def open_maps(spec: ObjectSpec, entries: Contents) -> dict[str, HostMap]:
    """The maps of an object with entries as `sim.mapfile` reads them; those of types that hardware does not have are
    left out. Raises `InputError` for an entry that a map does not take."""
    programs = tuple(program.name for program in spec.programs)
    maps: dict[str, HostMap] = {}
    for name, found in spec.maps.items():
        if found.readonly:
            maps[name] = HostMap(found, Constant((found.initial or b"").ljust(found.value_size, b"\0")))
        elif found.type in MAP_TYPES and not MAP_TYPES[found.type].is_buffer:
            names = tuple(value_names(found, programs))
            shape = replace(found, table=_anything(names)) if names else found
            maps[name] = HostMap(found, ModelMap(_filled(shape, entries.get(name, {}))), programs)
    return maps


def contents(maps: Mapping[str, HostMap]) -> dict[str, dict[bytes, bytes]]:
    """What the maps hold that can change, for `sim.mapfile.save_maps`."""
    return {name: dict(found.raw.items()) for name, found in maps.items() if not found.spec.readonly}


def _filled(shape: MapSpec, entries: Mapping[bytes, bytes]) -> MapModel:
    model = MAP_TYPES[shape.type].model(shape)
    for key, value in entries.items():
        if status := model.update(key, value, 0):
            raise not_taken(shape, key, -status)
    return model


def _anything(names: Sequence[str]) -> SlotTable:
    """What is not compiled yet can get any program or map; whether Linux takes it, is told then."""
    return SlotTable(tuple(names), others=tuple(range(1, 1 + len(names))))
