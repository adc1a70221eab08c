"""Several objects as one: programs and maps side by side, with names that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..hdl.errors import InputError
from .inner_maps import settled
from .isa import Instruction, MapReference
from .spec import MapSpec, ObjectSpec, ProgramSpec, Variable
from .tables import helper_tables


def merged(
    path: str, objects: Mapping[str, ObjectSpec], shared: Collection[str] = ()
) -> tuple[ObjectSpec, Mapping[str, Mapping[str, str]]]:
    """The objects, given by short names, as one, and for each its programs' new names by their old ones.

    A name that only one object uses stays. A map is one map in all objects that have it if they pin it by its name (as
    libbpf has it) or if its name is among ``shared``; all others, as all programs and variables of which there are
    several, get the object's short name in front: ``firewall.stats``, ``firewall.rodata``. Raises `InputError` for
    maps that are to be one and are defined differently, or that nobody has.
    """
    for name in shared:
        if not any(name in spec.maps for spec in objects.values()):
            raise InputError(f"{path}: no object has a map {name} that could be shared")
    one = _to_share(objects, shared)
    for name in one:
        _check_alike(path, objects, name)
    maps: dict[str, MapSpec] = {}
    programs: list[ProgramSpec] = []
    variables: dict[str, Variable] = {}
    program_names: dict[str, dict[str, str]] = {}
    taken = Counter(name for spec in objects.values() for name in spec.maps if name not in one)
    callers = Counter(program.name for spec in objects.values() for program in spec.programs)
    globals_ = Counter(name for spec in objects.values() for name in spec.variables)
    for short, spec in objects.items():
        new = {name: _prefixed(short, name) if taken[name] > 1 else name for name in spec.maps}
        names = {p.name: _prefixed(short, p.name) if callers[p.name] > 1 else p.name for p in spec.programs}
        for name, found in spec.maps.items():
            if name not in maps or name not in one:
                maps[new[name]] = _renamed_map(found, new, names)
        programs += [_renamed_program(program, new, names) for program in spec.programs]
        for name, variable in spec.variables.items():
            where = _prefixed(short, name) if globals_[name] > 1 else name
            variables[where] = replace(variable, map=new[variable.map])
        program_names[short] = names
    licenses = [spec.license for spec in objects.values()]
    license = next((each for each in licenses if "GPL" in each), licenses[0])
    return settled(ObjectSpec(path, tuple(programs), maps, license, None, variables)), program_names


def _to_share(objects: Mapping[str, ObjectSpec], shared: Collection[str]) -> list[str]:
    users = Counter(name for spec in objects.values() for name in spec.maps)
    pinned = Counter(name for spec in objects.values() for name, found in spec.maps.items() if found.pinned)
    own = helper_tables(program for spec in objects.values() for program in spec.programs)  # there once, as in a kernel
    return [n for n, count in users.items() if n in shared or n in own or (count > 1 and pinned[n] == count)]


def _check_alike(path: str, objects: Mapping[str, ObjectSpec], name: str) -> None:
    """Raise `InputError` unless all objects that have a map define it alike."""
    users = [(spec.path, spec.maps[name]) for spec in objects.values() if name in spec.maps]
    (first, known), *others = users
    for other, found in others:
        for what in ("type", "key_size", "value_size", "max_entries", "flags"):
            if getattr(known, what) != getattr(found, what):
                raise InputError(
                    f"{path}: map {name} is to be one map, but its {what} is {getattr(known, what)} in {first} and "
                    f"{getattr(found, what)} in {other}: define it alike, or do not share it"
                )


def _prefixed(short: str, name: str) -> str:
    return f"{short}{'' if name.startswith('.') else '.'}{name}"


def _renamed_map(found: MapSpec, maps: Mapping[str, str], programs: Mapping[str, str]) -> MapSpec:
    names = {**programs, **maps}  # slots name programs or maps, by the map's type
    return replace(found, name=maps[found.name], slots={at: names.get(n, n) for at, n in found.slots.items()})


def _renamed_program(program: ProgramSpec, maps: Mapping[str, str], programs: Mapping[str, str]) -> ProgramSpec:
    instructions: Sequence[Instruction] = [
        replace(i, reference=replace(i.reference, map=maps[i.reference.map])) if isinstance(i.reference, MapReference)
        else i
        for i in program.instructions
    ]  # fmt: skip
    name = programs[program.name]
    functions = {**program.functions, 0: name}
    return replace(program, name=name, instructions=tuple(instructions), functions=functions)
