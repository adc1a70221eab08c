"""Damaged objects give one clear error or a specification: no other exception, no large allocation.

``HARDPATH_MUTATIONS=5000`` runs more of them than the few hundred that are enough for every day.
"""

from __future__ import annotations

import os
import random
import tracemalloc
from pathlib import Path

import pytest
from damage import damage
from hardpath.codegen.disassemble import disassemble
from hardpath.codegen.elf import load, select
from hardpath.codegen.elf.load import load_bytes
from hardpath.hdl.errors import HardpathError, InputError

OBJECTS = sorted((Path(__file__).parents[1] / "data" / "elf").glob("*.o"))
COUNT = int(os.environ.get("HARDPATH_MUTATIONS", "400"))
MOST_BYTES = 64 << 20


def use(contents: bytes) -> str:
    """Load the object and look at all of it; the name of what happened."""
    try:
        spec = load_bytes("mutated.o", contents)
    except InputError as error:
        assert str(error).startswith("mutated.o")
        return "unreadable"
    outcome = "fine"
    for program in spec.programs:
        try:
            chosen = select(spec, program.name, program.section)
        except HardpathError as error:
            assert "Traceback" not in str(error)
            outcome = "refused"
            continue
        for slot, instruction in enumerate(chosen.instructions):
            disassemble(instruction, slot)
        chosen.place(len(chosen.instructions) - 1)
    return outcome


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_damaged_objects_are_refused_in_one_line(path: Path) -> None:
    generator = random.Random(path.name)
    contents = path.read_bytes()
    outcomes = set()
    tracemalloc.start()
    try:
        for number in range(max(COUNT // len(OBJECTS), 1)):
            mutated = damage(generator, contents)
            try:
                outcomes.add(use(mutated))
            except Exception as error:
                raise AssertionError(f"mutation {number} of {path.name}") from error
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert "unreadable" in outcomes


@pytest.mark.parametrize("contents", [b"", b"\x7fELF", b"#!/bin/sh\n", bytes(4096)])
def test_what_is_no_object_is_named(contents: bytes, tmp_path: Path) -> None:
    path = tmp_path / "no.o"
    path.write_bytes(contents)
    with pytest.raises(InputError, match=r"no\.o: .*not a readable ELF object"):
        load(path)


@pytest.mark.parametrize("length, where", [(30, "inside its header"), (100, "beyond the end"), (-1, "beyond the end")])
def test_an_object_that_was_cut_is_told_to_be_made_again(length: int, where: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.o"
    path.write_bytes(OBJECTS[0].read_bytes()[:length])
    with pytest.raises(InputError, match=rf"cut\.o: .*{where}.*: copy it again, or compile it again"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.o: No such file"):
        load(tmp_path / "absent.o")
