"""Which program of an object is meant."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from ...hdl.errors import InputError
from ..chain import arrays_of_programs, chained
from ..spec import ObjectSpec, ProgramSpec
from .kinds import is_standard


def select(spec: ObjectSpec, program: str | None = None, section: str | None = None) -> ProgramSpec:
    """The program with that name and in that section; without either the one that is clearly meant.

    It comes with what it may go on with by tail calls (`codegen.chain`).

    Clearly meant is the only XDP program, the only one that no array of programs holds, the only one for a device's
    ingress (not ``xdp/devmap``), or the only one of these in a section that libbpf knows for XDP. Raises `InputError`
    with the names to choose from, or if the section says that the program is none for XDP; and the program's own
    ``problem``.
    """
    found = [p for p in spec.programs if program in (None, p.name) and section in (None, p.section)]
    if program is None and section is None:
        found = [p for p in spec.programs if p.name == spec.main] or _clearly_meant(spec)
    if not found:
        has = _names(spec.programs) if spec.programs else 'no programs at all: put SEC("xdp") in front of one'
        raise InputError(f"{spec.path}: {_missing(program, section)}; it has {has}")
    if len(found) > 1:
        raise InputError(f"{spec.path}: choose one with --program or --section: {_names(found)}")
    if found[0].type != "xdp":
        raise InputError(
            f"{spec.path}: {found[0].name} is a program for {found[0].type} (section {found[0].section}), with "
            'another context: choose an XDP program, or put SEC("xdp") in front of it if it is one'
        )
    if found[0].problem is not None:
        raise found[0].problem
    return chained(spec, found[0])


def _clearly_meant(spec: ObjectSpec) -> list[ProgramSpec]:
    candidates = [p for p in spec.programs if p.type == "xdp"]
    arrays = [spec.maps[array] for array in arrays_of_programs(spec.maps)]
    held = {name for array in arrays for name in (*array.slots.values(), *chain(*array.spare.values()))}
    for narrower in (
        [p for p in candidates if p.name not in held],
        [p for p in candidates if p.attach == "xdp"],
        [p for p in candidates if p.attach == "xdp" and is_standard(p.section)],
    ):
        if len(candidates) > 1 and narrower:
            candidates = narrower
    return candidates


def _missing(program: str | None, section: str | None) -> str:
    words = [f"named {program}"] if program is not None else []
    words += [f"in section {section}"] if section is not None else []
    return f"there is no program {' '.join(words)}" if words else "there is no XDP program"


def _names(programs: Iterable[ProgramSpec]) -> str:
    return ", ".join(f"{p.name} (section {p.section})" for p in programs)
