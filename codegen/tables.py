"""Which maps a program uses: those that it names, what these hold, and the tables that its helpers look up
(`hdl.helpers.tables`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..hdl.helpers.registry import HELPERS
from ..hdl.helpers.tables import Table
from .inner_maps import with_inner_maps
from .isa import MapReference
from .spec import MapSpec, ProgramSpec


def used_maps(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> dict[str, MapSpec]:
    """Those of ``maps`` that the program uses, in their order."""
    used = {i.reference.map for i in program.instructions if isinstance(i.reference, MapReference)}
    used |= {table.name for table in _tables(program)}
    used = with_inner_maps(used, maps)
    return {name: spec for name, spec in maps.items() if name in used}


def helper_tables(programs: Iterable[ProgramSpec]) -> dict[str, MapSpec]:
    """The tables that helpers of the programs look up."""
    tables = {table.name: table for program in programs for table in _tables(program)}
    return {
        name: MapSpec(name, t.type, t.key_size, t.value_size, t.max_entries, t.flags) for name, t in tables.items()
    }


def _tables(program: ProgramSpec) -> Iterator[Table]:
    for i in program.instructions:
        if i.is_helper_call and i.imm in HELPERS:
            yield from HELPERS[i.imm].tables
