"""Records as their program's types have them: what is between the bytes of an event and the user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..codegen.btf import Alias, Btf, Struct
from ..codegen.btf_values import decode, plain
from ..codegen.spec import ObjectSpec
from ..hdl.errors import InputError


@dataclass(frozen=True)
class EventType:
    """The type ``id`` of the records in one buffer."""

    types: Btf
    id: int

    def value(self, data: bytes) -> Any:
        """The record as JSON has it; None if it is shorter than the type. What is behind the type is left out."""
        size = self.types.size(self.id)
        return plain(decode(self.types, self.id, data[:size])) if len(data) >= size else None


def event_types(spec: ObjectSpec, wanted: Iterable[tuple[str, str]]) -> dict[str, EventType]:
    """The types of buffers given by (name of the map, name of a struct, union or typedef). Raises `InputError`."""
    return {map: EventType(_types(spec), _find(spec, map, name)) for map, name in wanted}


def _types(spec: ObjectSpec) -> Btf:
    if spec.btf is None:
        raise InputError(f"{spec.path} has no BTF, so nothing is known of its types: compile it with -g")
    return spec.btf


def _find(spec: ObjectSpec, map: str, name: str) -> int:
    from ..hdl.maps.registry import MAP_TYPES  # loads Amaranth, which the cocotb child should not wait for

    found = spec.maps.get(map)
    buffers = [m.name for m in spec.maps.values() if m.type in MAP_TYPES and MAP_TYPES[m.type].is_buffer]
    if found is None or map not in buffers:
        raise InputError(f"{map} is no buffer for events in {spec.path}; it has {', '.join(buffers) or 'none'}")
    name = name.removeprefix("struct ").removeprefix("union ")
    for number, known in enumerate(_types(spec).types):
        if known.name == name and isinstance(known, (Struct, Alias)):
            return number
    raise InputError(
        f"{spec.path} has no type {name} in its BTF: it is there if a global variable or a map of the program has it"
    )
