"""Maps of an object: BTF-defined ones (``.maps``), legacy definitions (``maps``) and global data as array maps.

BTF-defined maps say everything in types: ``__uint(max_entries, 4)`` is a member ``int (*max_entries)[4]``,
``__type(key, __u32)`` a member ``__u32 *key`` (libbpf: bpf_helpers.h, parse_btf_map_def).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...hdl.maps.linux import BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG
from ...hdl.maps.ringbuf import PAGE_BYTES
from .. import btf as types
from ..btf import Btf
from ..spec import MapSpec
from .file import ElfFile, Section, Symbol

_ARRAY = 2  # BPF_MAP_TYPE_ARRAY
_PROG_ARRAY, _PERF_EVENT_ARRAY, _LPM_TRIE, _ARRAY_OF_MAPS, _HASH_OF_MAPS, _RINGBUF = 3, 4, 11, 12, 13, 27
_MAX_DATA = 16 << 20
_U32 = 0xFFFFFFFF


@dataclass(frozen=True)
class ObjectMaps:
    """``specs`` by name; ``at`` names the map defined at (section index, offset); ``data`` the map that holds a
    data section, by section index."""

    specs: Mapping[str, MapSpec]
    at: Mapping[tuple[int, int], str]
    data: Mapping[int, str]


def read_maps(elf: ElfFile, btf: Btf | None) -> ObjectMaps:
    """All maps of an object in file order. Raises `InputError`."""
    specs: dict[str, MapSpec] = {}
    at: dict[tuple[int, int], str] = {}
    data: dict[int, str] = {}
    budget = _MAX_DATA
    for section in elf.sections:
        if section.executable:
            continue
        if section.name == ".maps":
            found = _btf_maps(elf, section, btf)
        elif section.name == "maps" or section.name.startswith("maps/"):
            found = _legacy_maps(elf, section)
        else:
            if spec := _data_map(elf, section, budget, btf):
                budget -= spec.value_size
                data[section.index] = name = _free_name(spec.name, specs)
                specs[name] = replace(spec, name=name)
            continue
        for offset, declared in found:
            spec = _as_loaders_make_it(declared)
            if spec.name in specs:
                raise elf.error(f"map {spec.name} is defined twice", section, offset)
            specs[spec.name] = spec
            at[section.index, offset] = spec.name
    return ObjectMaps(specs, at, data)


def _as_loaders_make_it(spec: MapSpec) -> MapSpec:
    """What a definition leaves open and Linux wants in one way: arrays of file descriptors without sizes have those
    (as cilium/ebpf loads them), and a perf event array has an entry for each CPU, of which the hardware is one; a ring
    buffer gets the next size that Linux can create (libbpf: adjust_ringbuf_sz), a trie the flag without which there is
    none (goebpf sets it; others create and pin the map before the object is loaded)."""
    if spec.type == _LPM_TRIE:
        return replace(spec, flags=spec.flags | BPF_F_NO_PREALLOC)
    if spec.type in (_PROG_ARRAY, _PERF_EVENT_ARRAY, _ARRAY_OF_MAPS):
        spec = replace(spec, key_size=spec.key_size or 4)
    if spec.type in (_PROG_ARRAY, _PERF_EVENT_ARRAY, _ARRAY_OF_MAPS, _HASH_OF_MAPS):
        spec = replace(spec, value_size=spec.value_size or 4)
    if spec.type == _PERF_EVENT_ARRAY:
        return replace(spec, max_entries=spec.max_entries or 1)
    if spec.type == _RINGBUF and spec.max_entries:
        return replace(spec, max_entries=max(PAGE_BYTES, 1 << (spec.max_entries - 1).bit_length()))
    return spec


def _free_name(name: str, taken: Mapping[str, MapSpec]) -> str:
    """The section's name, numbered if the object has several sections of that name."""
    return name if name not in taken else next(n for i in range(2, 1 << 30) if (n := f"{name}.{i}") not in taken)


# --- global data ---------------------------------------------------------------------------------------------------


def _data_map(elf: ElfFile, section: Section, budget: int, btf: Btf | None) -> MapSpec | None:
    kind = next((k for k in (".rodata", ".data", ".bss") if (section.name + ".").startswith(k + ".")), None)
    if kind is None or not section.size:
        return None
    if section.size > budget:
        raise elf.error(f"{section.size} bytes of global data; at most {_MAX_DATA} are possible in all", section)
    readonly = kind == ".rodata"
    return MapSpec(
        section.name,
        _ARRAY,
        key_size=4,
        value_size=section.size,
        max_entries=1,
        flags=BPF_F_RDONLY_PROG if readonly else 0,
        initial=section.data if section.data else bytes(section.size),
        readonly=readonly,
        section=section.name,
        value_type=_data_section_type(btf, section.name),
    )


def _data_section_type(btf: Btf | None, name: str) -> int:
    """The type id of a data section, 0 if there is none."""
    kinds = enumerate(btf.types) if btf else ()
    return next((id for id, found in kinds if isinstance(found, types.DataSection) and found.name == name), 0)


# --- BTF-defined maps ----------------------------------------------------------------------------------------------

_NUMBERS = {"type": "type", "max_entries": "max_entries", "map_flags": "flags", "pinning": "pinning"}
_PIN_BY_NAME = 1
_SIZES = {"key_size": "key_size", "value_size": "value_size"}
_TYPES = {"key": ("key_size", "key_type"), "value": ("value_size", "value_type")}


def _btf_maps(elf: ElfFile, section: Section, btf: Btf | None) -> Iterator[tuple[int, MapSpec]]:
    if btf is None:
        raise elf.error("its maps are defined by BTF, which is missing; compile with -g (gcc: -gbtf)", section)
    for data_section, entry, variable in btf.variables():
        if data_section.name != section.name:
            continue
        definition = btf.resolve(variable.type)
        if not isinstance(definition, types.Struct):
            raise elf.error(f"map {variable.name} is no struct", section, entry.offset)
        spec = _definition(elf, section, btf, variable.name, definition, 0)
        yield entry.offset, replace(spec, slots=_slots(elf, section, btf, definition, entry))


def _definition(elf: ElfFile, section: Section, btf: Btf, name: str, definition: types.Struct, depth: int) -> MapSpec:
    numbers = dict.fromkeys((*_NUMBERS.values(), *_SIZES.values(), "key_type", "value_type"), 0)
    inner: MapSpec | None = None
    for member in definition.members:
        found = btf.resolve(member.type)
        if field := _NUMBERS.get(member.name) or _SIZES.get(member.name):
            value = _number(btf, found)
            if value is None:
                raise elf.error(f"map {name}: attribute {member.name} is not written as __uint()", section)
            numbers[field] = value
        elif member.name in _TYPES:
            if not isinstance(found, types.Pointer):
                raise elf.error(f"map {name}: attribute {member.name} is not written as __type()", section)
            size, type = _TYPES[member.name]
            numbers[size] = btf.size(found.target) & _U32
            numbers[type] = found.target
        elif member.name == "values":
            inner = _inner(elf, section, btf, name, found, depth)
            numbers["value_size"] = 4
    return MapSpec(
        name,
        numbers["type"],
        numbers["key_size"],
        numbers["value_size"],
        numbers["max_entries"],
        flags=numbers["flags"],
        section=section.name,
        key_type=numbers["key_type"],
        value_type=numbers["value_type"],
        inner=inner,
        lock=_lock(btf, numbers["value_type"]),
        pinned=numbers["pinning"] == _PIN_BY_NAME,
    )


def _lock(btf: Btf, value_type: int) -> int | None:
    """The offset of a struct bpf_spin_lock among the value's members."""
    value = btf.resolve(value_type) if value_type else None
    for member in value.members if isinstance(value, types.Struct) else ():
        found = btf.resolve(member.type)
        if isinstance(found, types.Struct) and found.name == "bpf_spin_lock":
            return member.bit_offset // 8
    return None


def _number(btf: Btf, found: types.Type) -> int | None:
    """The N of ``int (*x)[N]`` (__uint) or of an enum with one value (__ulong)."""
    if isinstance(found, types.Pointer):
        array = btf.resolve(found.target)
        return array.length if isinstance(array, types.Array) else None
    if isinstance(found, types.Enum) and len(found.values) == 1:
        return found.values[0][1] & _U32
    return None


def _inner(elf: ElfFile, section: Section, btf: Btf, name: str, found: types.Type, depth: int) -> MapSpec | None:
    """``__array(values, struct inner)``: the template of inner maps; None for an array of programs."""
    element = btf.resolve(found.element) if isinstance(found, types.Array) else None
    target = btf.resolve(element.target) if isinstance(element, types.Pointer) else None
    if isinstance(target, types.FunctionPrototype):
        return None
    if not isinstance(target, types.Struct) or depth:
        raise elf.error(f"map {name}: attribute values is neither an array of maps nor of programs", section)
    return _definition(elf, section, btf, f"{name}.inner", target, depth + 1)


def _slots(
    elf: ElfFile, section: Section, btf: Btf, definition: types.Struct, entry: types.SectionVariable
) -> dict[int, str]:
    """What ``.values = {...}`` puts into a map of maps or programs: relocated pointers, 8 bytes each."""
    start = next((m.bit_offset // 8 for m in definition.members if m.name == "values"), None)
    if start is None:
        return {}
    first, end = entry.offset + start, entry.offset + entry.size
    return {
        (relocation.position - first) // 8: relocation.symbol.name
        for relocation in elf.relocations.get(section.index, ())
        if first <= relocation.position < end
    }


# --- legacy definitions --------------------------------------------------------------------------------------------


def _legacy_maps(elf: ElfFile, section: Section) -> Iterator[tuple[int, MapSpec]]:
    """struct bpf_map_def (type, key_size, value_size, max_entries and, later, map_flags; more fields may follow).

    iproute2's struct bpf_elf_map starts with the same five fields and goes on with id, pinning, inner_id, inner_idx: a
    map of maps names the id of a map, which says in which slot it is, or -1: that it is only what they look like.
    The size of a definition is not written anywhere: it reaches to the next symbol or the end of the section.
    """
    symbols = sorted(
        (s for s in elf.symbols_in(section) if s.type in ("STT_OBJECT", "STT_NOTYPE")), key=lambda s: s.value
    )
    if not symbols and section.data:
        raise elf.error("map definitions without symbols; do not strip the object", section)
    definitions: list[tuple[Symbol, MapSpec, tuple[int, ...]]] = []
    for symbol, following in zip(symbols, [*symbols[1:], None], strict=True):
        end = following.value if following else len(section.data)
        size = symbol.size or end - symbol.value
        if size < 16 or symbol.value + size > len(section.data):
            raise elf.error(
                f"map {symbol.name}: its definition has {size} bytes, at least 16 are needed", section, symbol.value
            )
        words = struct.unpack_from(f"<{min(size // 4, 9)}I", section.data, symbol.value)
        type, key_size, value_size, max_entries, flags = (*words, 0)[:5]
        sizes, number = (key_size, value_size, max_entries), words[5] if len(words) == 9 else 0
        spec = MapSpec(symbol.name, type, *sizes, flags, section=section.name, number=number)
        definitions.append((symbol, spec, words))
    by_id = {spec.number: (spec, words[8]) for _, spec, words in definitions if spec.number}
    for symbol, spec, words in definitions:
        inner, index = by_id.get(words[7], (None, _U32)) if len(words) == 9 and words[7] else (None, _U32)
        yield symbol.value, replace(spec, inner=inner, slots={index: inner.name} if inner and index != _U32 else {})
