"""Chains: a program with tail calls, linked with the programs that it may go on with.

What an array of programs can hold is settled here, before compilation, because every program that may run becomes
part of the pipeline. If the object or the user says what is in any of its slots, the others stay empty; if nothing is
said, user space will fill the array, and any slot may get any other program of the object that Linux would take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..hdl.errors import InputError
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.maps.slot_table import SlotTable
from .inner_maps import maps_of_maps, settled, value_names, without_default
from .isa import FunctionReference, Instruction, MapReference
from .spec import MapSpec, ObjectSpec, ProgramSpec

OPERATION = "tail_call"
"""What a map type allows (`MapPlugin.operations`) whose maps hold programs."""


def chained(spec: ObjectSpec, program: ProgramSpec) -> ProgramSpec:
    """The program with all that it may tail-call appended; itself if it uses no array of programs, or is linked.

    Raises the ``problem`` of a program that a slot is said to hold, `InputError` if there is none of that name.
    """
    if program.members:
        return program
    tables: dict[str, SlotTable] = {}
    members = [program]
    for member in members:  # grows
        for name in _arrays(member, spec.maps):
            if name not in tables:
                tables[name] = _table(spec, program, spec.maps[name])
                found = (spec.programs[number - 1] for number in tables[name].numbers)
                members += [p for p in found if p not in members]
    return _link(program, members, tables) if tables else program


def _arrays(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> Iterator[str]:
    """The arrays of programs that a program refers to."""
    arrays = arrays_of_programs(maps)
    for i in program.instructions:
        if isinstance(i.reference, MapReference) and i.reference.map in arrays:
            yield i.reference.map


def _table(spec: ObjectSpec, main: ProgramSpec, array: MapSpec) -> SlotTable:
    names = tuple(p.name for p in spec.programs)
    first = {index: _number(spec, main, array, index, name) for index, name in array.slots.items()}
    choices = {
        index: tuple(sorted({number, *(_number(spec, main, array, index, n) for n in array.spare.get(index, ()))}))
        for index, number in first.items()
    }
    others = () if first else tuple(n for n, p in enumerate(spec.programs, 1) if p.name != main.name and _fits(main, p))
    return SlotTable(names, first, choices, others)


def _fits(main: ProgramSpec, program: ProgramSpec) -> bool:
    """Whether Linux takes both into one array (bpf_prog_map_compatible)."""
    return program.problem is None and (program.type, program.attach, program.frags) == (
        main.type,
        main.attach,
        main.frags,
    )


def _number(spec: ObjectSpec, main: ProgramSpec, array: MapSpec, index: int, name: str) -> int:
    where = f"{spec.path}: slot {index} of {array.name}"
    if index >= array.max_entries:
        raise InputError(f"{where}: the map has {array.max_entries} entries only")
    number = next((n for n, p in enumerate(spec.programs, 1) if p.name == name), None)
    if number is None:
        known = ", ".join(p.name for p in spec.programs)
        raise InputError(f"{where} holds {name}, which is no program of the object; these are: {known}")
    found = spec.programs[number - 1]
    if found.problem is not None:
        raise found.problem
    if not _fits(main, found):
        raise InputError(f"{where} holds {name} (section {found.section}), which Linux does not put into one array "
                         f"with {main.name} (section {main.section})")  # fmt: skip
    return number


def _link(main: ProgramSpec, members: list[ProgramSpec], tables: Mapping[str, SlotTable]) -> ProgramSpec:
    """One program of all members, one after the other; jumps and calls are relative and stay as they are."""
    code: list[Instruction] = []
    functions, lines = dict(main.functions), dict(main.lines)
    by_slot: dict[int, ProgramSpec] = {}
    for member in members:
        base = len(code)
        by_slot[base] = member
        functions |= {base + slot: name for slot, name in member.functions.items()}
        lines |= {base + slot: line for slot, line in member.lines.items()}
        code += [moved(i, base) for i in member.instructions]
    return replace(
        main, instructions=tuple(code), functions=functions, lines=lines, members=by_slot, tables=dict(tables)
    )


def moved(i: Instruction, base: int) -> Instruction:
    """An instruction of a program that begins at slot ``base``."""
    if isinstance(i.reference, FunctionReference):
        return replace(i, reference=replace(i.reference, slot=i.reference.slot + base))
    return i


def with_slot(spec: ObjectSpec, array: str, index: int, names: tuple[str, ...]) -> ObjectSpec:
    """The object with other programs for one slot of an array, or maps in a map of maps: it holds the first at the
    start, and the host may switch it among them. Raises `InputError`."""
    arrays = [*arrays_of_programs(spec.maps), *maps_of_maps(spec.maps)]
    if array not in arrays:
        known = ", ".join(arrays) or "none"
        raise InputError(f"{spec.path}: {array} is no array of programs and no map of maps; these are: {known}")
    return _with_slot(without_default(spec, array), array, index, names)


def _with_slot(spec: ObjectSpec, array: str, index: int, names: tuple[str, ...]) -> ObjectSpec:
    found = spec.maps[array]
    changed = replace(found, slots={**found.slots, index: names[0]}, spare={**found.spare, index: names[1:]})
    return settled(replace(spec, maps={**spec.maps, array: changed}))


def with_contents(spec: ObjectSpec, contents: Mapping[str, Mapping[bytes, bytes]]) -> ObjectSpec:
    """The object so that its arrays of programs and maps of maps can get these contents (array -> key -> value, the
    number of a program or map). Raises `InputError`."""
    programs = [program.name for program in spec.programs]
    for array in [*arrays_of_programs(spec.maps), *maps_of_maps(spec.maps)]:
        for key, value in contents.get(array, {}).items():
            index, number, found = int.from_bytes(key, "little"), int.from_bytes(value, "little"), spec.maps[array]
            names = value_names(found, programs)
            if not 1 <= number <= len(names):
                what = "program" if names is programs else "map"
                raise InputError(f"{spec.path}: slot {index} of {array}: {number} is not the number of a {what}")
            known = (found.slots[index], *found.spare.get(index, ())) if index in found.slots else ()
            if (name := names[number - 1]) not in known:
                spec = _with_slot(spec, array, index, (*known, name))
    return spec


def arrays_of_programs(maps: Mapping[str, MapSpec]) -> list[str]:
    """The names of those maps that hold programs."""
    return [name for name, m in maps.items() if (p := MAP_TYPES.get(m.type)) and OPERATION in p.operations]
