"""``hardpath inspect``: what an object holds, and what hardware that needs."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from ..codegen.chain import chained
from ..codegen.flow import maps_of
from ..codegen.helper_names import helper_name
from ..codegen.isa import KernelReference
from ..codegen.map_names import map_type_name
from ..codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from ..hdl.errors import HardpathError, Refused
from ..hdl.helpers.registry import HELPERS
from ..hdl.kernel_functions.registry import KERNEL_FUNCTIONS
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.plural import counted
from . import options as shared
from . import report
from .options import Build, Chosen
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@shared.build_options
@click.pass_obj
def command(settings: Settings, chosen: Chosen, build: Build) -> None:
    """Show programs, maps, helpers, the hardware that each needs and what is missing."""
    spec = chosen.load()
    wanted = [
        p for p in spec.programs if chosen.program in (None, p.name) and chosen.section in (None, p.section)
    ]
    if not wanted:
        chosen.select(spec)  # says what there is
    with Steps() as steps:
        document = {
            "object": spec.path,
            "license": spec.license,
            "programs": [program_facts(spec, program, build, steps) for program in wanted],
            "maps": [map_facts(found) for found in spec.maps.values()],
        }
    settings.answer(document, lambda console: _show(console, document))


def program_facts(spec: ObjectSpec, program: ProgramSpec, build: Build, steps: Steps) -> dict[str, Any]:
    """One program for JSON."""
    steps(program.name)
    size = len(program.instructions)
    program = chained(spec, program)
    return {
        "name": program.name,
        "section": program.section,
        "type": program.type,
        "attach": program.attach,
        "frags": program.frags,
        "instructions": size,
        "subprograms": [name for slot, name in program.functions.items() if slot and slot not in program.members],
        "tail_calls": [member.name for slot, member in program.members.items() if slot],
        "maps": list(maps_of(program, spec.maps)),
        "helpers": helper_facts(program),
        **_hardware(spec, program, build),
    }


def helper_facts(program: ProgramSpec) -> list[dict[str, Any]]:
    """The helpers that a program calls, by number."""
    facts: list[dict[str, Any]] = []
    for number in sorted(program.helpers):
        plugin = HELPERS.get(number)
        facts.append(
            {"id": number, "name": helper_name(number), "hardware": plugin.summary if plugin else None}
        )
    references = (i.reference for i in program.instructions if i.is_call)
    for name in sorted({each.name for each in references if isinstance(each, KernelReference)}):
        facts.append({"id": None, "name": name, "hardware": KERNEL_FUNCTIONS[name].summary})
    return facts


def map_facts(spec: MapSpec) -> dict[str, Any]:
    """One map for JSON."""
    plugin, problem = MAP_TYPES.get(spec.type), None
    if plugin is None:
        problem = f"there is no hardware for {map_type_name(spec.type)} maps"
    else:
        try:
            plugin.check(spec)
        except Refused as refusal:
            problem = f"{refusal.reason}: {refusal.remedy}"
    return {
        "name": spec.name,
        "type": map_type_name(spec.type),
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": spec.max_entries,
        "flags": spec.flags,
        "readonly": spec.readonly,
        "hardware": plugin.summary if plugin is not None and problem is None else None,
        "problem": problem,
    }


def _hardware(spec: ObjectSpec, program: ProgramSpec, build: Build) -> dict[str, Any]:
    """The pipeline that the program needs, or why there is none."""
    try:
        if program.problem is not None:
            raise program.problem
        design = build.compile(spec, program, lambda step: None)
    except HardpathError as problem:
        return {"hardware": None, "problem": str(problem)}
    facts = report.document(design)
    kept = ("window", "headroom", "stages", "register_bits")
    return {"hardware": {name: facts[name] for name in kept}, "problem": None}


def _show(console: Console, document: dict[str, Any]) -> None:
    console.print(f"{document['object']}: license {document['license'] or 'none'}")
    for each in document["programs"]:
        console.print()
        _show_program(console, each)
    if document["maps"]:
        console.print("\nmaps")
    for each in document["maps"]:
        sizes = f"key {each['key_size']}, value {each['value_size']}, {each['max_entries']} entries"
        flags = (f", flags 0x{each['flags']:x}" if each["flags"] else "") + (
            ", read-only" if each["readonly"] else ""
        )
        console.print(f"  {each['name']}: {each['type']}, {sizes}{flags}")
        console.print(f"    {each['hardware'] or 'MISSING: ' + each['problem']}")


def _show_program(console: Console, facts: dict[str, Any]) -> None:
    kind = facts["type"] if facts["attach"] == "xdp" else f"{facts['type']} for {facts['attach']} entries"
    frags = ", frames in several buffers" if facts["frags"] else ""
    console.print(
        f"program {facts['name']}: {kind}, section {facts['section']}, {facts['instructions']} instructions{frags}"
    )
    for title in ("subprograms", "tail_calls", "maps"):
        if facts[title]:
            console.print(f"  {title.replace('_', ' ')}: {', '.join(facts[title])}")
    for helper in facts["helpers"]:
        console.print(f"  {helper['name']}: {helper['hardware'] or 'MISSING: there is no hardware for it'}")
    if hardware := facts["hardware"]:
        console.print(
            f"  hardware: {counted(hardware['stages'], 'stage')}, {hardware['register_bits']} register bits, window of "
            f"{hardware['window']} bytes, headroom of {hardware['headroom']}"
        )
    else:
        console.print("  no hardware: " + facts["problem"].replace("\n", "\n  "))
