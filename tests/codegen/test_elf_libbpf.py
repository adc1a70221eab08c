"""The linked programs are, byte for byte, what libbpf hands to the kernel for the same object."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hardpath.codegen.elf import load
from hardpath.codegen.isa import encode

DATA = Path(__file__).parents[1] / "data" / "elf"
OBJECTS = [
    *(f"calls.{variant}.o" for variant in ("v1", "v2", "v3", "v4", "clang14")),
    "callback.o",
    "nested.o",
    "core.o",
    "resized.o",
]

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(os.geteuid() != 0, reason="libbpf can only load objects as root"),
]


@pytest.fixture(scope="module")
def libbpf() -> ctypes.CDLL:
    """The system's libbpf 1.x, its messages switched off."""
    try:
        library = ctypes.CDLL("libbpf.so.1")
    except OSError:
        pytest.skip("libbpf.so.1 is not installed")
    for name in ("open_file", "next_map", "next_program"):
        getattr(library, f"bpf_object__{name}").restype = ctypes.c_void_p
    library.bpf_map__name.restype = library.bpf_program__name.restype = ctypes.c_char_p
    library.bpf_program__insns.restype = ctypes.c_void_p
    library.bpf_program__insn_cnt.restype = ctypes.c_size_t
    library.libbpf_set_print(None)
    return library


@contextmanager
def opened(libbpf: ctypes.CDLL, path: Path) -> Iterator[ctypes.c_void_p]:
    """An object that libbpf has parsed."""
    handle = ctypes.c_void_p(libbpf.bpf_object__open_file(str(path).encode(), None))
    assert handle.value
    try:
        yield handle
    finally:
        libbpf.bpf_object__close(handle)


def walk(next_item: ctypes._NamedFuncPointer, handle: ctypes.c_void_p) -> Iterator[ctypes.c_void_p]:
    """The programs or maps of an object."""
    item = ctypes.c_void_p(next_item(handle, None))
    while item.value:
        yield item
        item = ctypes.c_void_p(next_item(handle, item))


def map_name(libbpf: ctypes.CDLL, handle: ctypes.c_void_p) -> str:
    """The map's name; libbpf puts the object's in front of that of a data section."""
    prefix, dot, section = libbpf.bpf_map__name(handle).decode().partition(".")
    return dot + section or prefix


@pytest.mark.parametrize("name", OBJECTS)
def test_linking_equals_libbpf(libbpf: ctypes.CDLL, name: str) -> None:
    spec = load(DATA / name)
    ours = {program.name: program for program in spec.programs if program.problem is None}
    with opened(libbpf, DATA / name) as handle:
        for program in walk(libbpf.bpf_object__next_program, handle):
            if libbpf.bpf_program__name(program).decode() not in ours:
                libbpf.bpf_program__set_autoload(program, ctypes.c_bool(False))
        assert libbpf.bpf_object__load(handle) == 0
        maps = {map_name(libbpf, m): m for m in walk(libbpf.bpf_object__next_map, handle)}
        assert set(maps) == set(spec.maps)
        compared = 0
        for program in walk(libbpf.bpf_object__next_program, handle):
            linked = ours.get(libbpf.bpf_program__name(program).decode())
            if linked is None:
                continue
            size = 8 * libbpf.bpf_program__insn_cnt(program)
            expected = ctypes.string_at(libbpf.bpf_program__insns(program), size)
            assert encode(linked.instructions, lambda name: libbpf.bpf_map__fd(maps[name])) == expected
            compared += 1
        assert compared == len(ours)
        for m in spec.maps.values():
            theirs = maps[m.name]
            assert m.type == libbpf.bpf_map__type(theirs)
            assert m.key_size == libbpf.bpf_map__key_size(theirs)
            assert m.value_size == libbpf.bpf_map__value_size(theirs)
            assert m.max_entries == libbpf.bpf_map__max_entries(theirs)
