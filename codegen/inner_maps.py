"""Maps of maps: which maps they can hold.

That is settled when the object is read, because every map that a lookup can give has hardware of its own, and what a
program does with it is built once for each. If the object or the user says what is in any slot, the maps named are all
there are, and the host may put each of them anywhere. If nothing is said, user space would make the inner maps; then
there is one, made from the template, under the name ``OUTER.inner``. The user may have more by naming them: a name that
begins with ``OUTER.`` and is none of the object's maps is a new map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ..hdl.errors import InputError
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.maps.slot_table import SlotTable
from ..hdl.maps.table_array import TableArray
from .map_names import map_type_name
from .spec import MapSpec, ObjectSpec

_ARRAY = 2
_ANY_ENTRIES = 1 << 12
"""BPF_F_INNER_MAP: arrays of different sizes go into one map of maps."""


def maps_of_maps(maps: Mapping[str, MapSpec]) -> list[str]:
    """The names of those maps that hold maps."""
    return [name for name, m in maps.items() if (p := MAP_TYPES.get(m.type)) and p.holds_maps]


def with_inner_maps(used: Iterable[str], maps: Mapping[str, MapSpec]) -> set[str]:
    """The names of maps, and of all that can be in them."""
    names = set(used)
    outers = [maps[name] for name in maps_of_maps({name: maps[name] for name in names & maps.keys()})]
    return names.union(*(outer.table.held for outer in outers if outer.table))


def settled(spec: ObjectSpec) -> ObjectSpec:
    """The object with a `MapSpec.table` for each map of maps, and with the maps that are new. Raises `InputError` for
    contents that Linux does not take."""
    outers = maps_of_maps(spec.maps)
    maps = dict(spec.maps)
    held = {outer: _held(spec.path, spec.maps[outer], maps) for outer in outers}  # grows maps
    numbers = {name: number for number, name in enumerate(maps, 1)}
    for outer, names in held.items():
        first = {index: numbers[name] for index, name in spec.maps[outer].slots.items()}
        table = SlotTable(tuple(maps), first, others=tuple(sorted(numbers[name] for name in names)))
        maps[outer] = replace(maps[outer], table=table)
    return replace(spec, maps=maps) if outers else spec


def without_default(spec: ObjectSpec, outer: str) -> ObjectSpec:
    """The object without the new map that is there because nobody said what ``outer`` holds. Maps of the object have a
    section."""
    default = _default(outer)
    if default not in spec.maps or spec.maps[default].section:
        return spec
    return replace(spec, maps={name: found for name, found in spec.maps.items() if name != default})


def _default(outer: str) -> str:
    return f"{outer}.inner"


def value_names(spec: MapSpec, programs: Sequence[str]) -> Sequence[str]:
    """What the numbers that are a map's values are called, from 1 on: programs of the object, or its maps; nothing for
    maps with other values."""
    plugin = MAP_TYPES.get(spec.type)
    if plugin is not None and plugin.holds_maps:
        return spec.table.names if spec.table else ()
    return programs if plugin is not None and "tail_call" in plugin.operations else ()


def _held(path: str, outer: MapSpec, maps: dict[str, MapSpec]) -> list[str]:
    """The maps that a map of maps can hold; those that are new are added to ``maps``."""
    _check_slots(path, outer)
    names = list(dict.fromkeys(chain(outer.slots.values(), *outer.spare.values())))
    if not names and outer.inner is not None:
        names = [_default(outer.name)]
    template = outer.inner
    for name in names:
        where = f"{path}: {outer.name} holds {name}"
        if name not in maps:
            if template is None or not name.startswith(f"{outer.name}."):
                new = "" if template is None else f"; a name that begins with {outer.name}. is a new map"
                raise InputError(f"{where}, which is no map of the object; these are: {', '.join(maps)}{new}")
            maps[name] = replace(template, name=name, section="", btf=outer.btf)
        found, plugin = maps[name], MAP_TYPES.get(maps[name].type)
        if plugin is not None and (plugin.holds_maps or "tail_call" in plugin.operations):
            raise InputError(f"{where}, which Linux does not put into a map: it is of type {map_type_name(found.type)}")
        template = template or found
        if differs := _difference(template, found):
            raise InputError(f"{where}, which Linux does not put there: {differs}")
    return names


def _check_slots(path: str, outer: MapSpec) -> None:
    """Raise `InputError` for keys that the map cannot have."""
    many = len(outer.slots) > outer.max_entries > 0
    indexed = isinstance(MAP_TYPES[outer.type], TableArray)
    for index in outer.slots:
        if many or (indexed and index >= outer.max_entries > 0):
            raise InputError(f"{path}: slot {index} of {outer.name}: the map has {outer.max_entries} entries only")
        if index >> 8 * outer.key_size:
            raise InputError(f"{path}: slot {index} of {outer.name}: its keys have {outer.key_size} bytes only")


def _difference(template: MapSpec, found: MapSpec) -> str | None:
    """Why Linux takes a map for none like the template (bpf_map_meta_equal, array_map_meta_equal)."""
    fields = ["type", "key_size", "value_size", "flags", "lock"]
    if template.type == _ARRAY and not template.flags & _ANY_ENTRIES:
        fields.append("max_entries")
    for field in fields:
        wanted, own = getattr(template, field), getattr(found, field)
        if wanted != own:
            return f"its {field} is {own}, it must be {wanted}"
    return None
