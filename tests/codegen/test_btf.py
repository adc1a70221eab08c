"""BTF: types, sizes, strings, and what a damaged section says."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hardpath.codegen import btf, btf_ext
from hardpath.codegen.btf import Btf
from hardpath.hdl.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

STRINGS = b"\0int\0pair\0left\0right\0word\0loop\0.data\0counter\0colour\0RED\0"


def name(text: str) -> int:
    """Offset of a name in `STRINGS`."""
    return STRINGS.index(b"\0" + text.encode() + b"\0") + 1


def record(kind: int, text: str = "", third: int = 0, extra: bytes = b"", count: int = 0, flag: bool = False) -> bytes:
    """One type."""
    info = count | kind << 24 | flag << 31
    return struct.pack("<III", name(text) if text else 0, info, third) + extra


def section(*types: bytes, strings: bytes = STRINGS) -> bytes:
    """A .BTF section."""
    records = b"".join(types)
    head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(records), len(records), len(strings))
    return head + records + strings


INT = record(1, "int", 4, struct.pack("<I", 1 << 24 | 32))
TYPES = section(
    INT,  # 1
    record(8, "word", 1),  # 2: typedef int word
    record(10, third=2),  # 3: const word
    record(3, extra=struct.pack("<III", 3, 1, 5)),  # 4: const word[5]
    record(4, "pair", 24, struct.pack("<IIIIII", name("left"), 1, 0, name("right"), 4, 32), count=2),  # 5
    record(2, third=5),  # 6: struct pair *
    record(8, "loop", 7),  # 7: a typedef of itself
    record(14, "counter", 5, struct.pack("<I", 1)),  # 8
    record(15, ".data", 0, struct.pack("<III", 8, 0, 24), count=1),  # 9
    record(4, "pair", 4, struct.pack("<III", name("left"), 1, 3 << 24 | 5), count=1, flag=True),  # 10
    record(6, "colour", 4, struct.pack("<II", name("RED"), 0xFFFFFFFE), count=1, flag=True),  # 11
    record(19, "colour", 8, struct.pack("<III", name("RED"), 2, 1), count=1),  # 12
)


@pytest.fixture(scope="module")
def types() -> Btf:
    """The types above."""
    return btf.parse(TYPES, "o: section .BTF")


def test_types_are_decoded(types: Btf) -> None:
    assert types.type(1) == btf.Int("int", 4, signed=True, bool=False)
    assert types.type(5) == btf.Struct("pair", 24, (btf.Member("left", 1, 0), btf.Member("right", 4, 32)))
    assert types.type(10) == btf.Struct("pair", 4, (btf.Member("left", 1, 5, 3),))
    assert types.type(11) == btf.Enum("colour", 4, (("RED", -2),), signed=True)
    assert types.type(12) == btf.Enum("colour", 8, (("RED", 1 << 32 | 2),))
    assert types.type(0) == btf.Void()


def test_aliases_are_looked_through(types: Btf) -> None:
    assert types.resolve(3) == types.type(1)
    with pytest.raises(InputError, match="alias of itself"):
        types.resolve(7)


@pytest.mark.parametrize(("id", "size"), [(1, 4), (3, 4), (4, 20), (5, 24), (6, 8), (8, 24), (12, 8)])
def test_sizes(types: Btf, id: int, size: int) -> None:
    assert types.size(id) == size


@pytest.mark.parametrize("id", [0, 7, 13, -1])
def test_what_has_no_size_is_an_error(types: Btf, id: int) -> None:
    with pytest.raises(InputError, match=r"^o: section \.BTF: type id"):
        types.size(id)


def test_layout_is_filled_in(types: Btf) -> None:
    placed = types.with_layout({".data": 40}, lambda section, variable: 16 if variable == "counter" else None)
    ((found, entry, variable),) = placed.variables()
    assert (found.name, found.size, entry.offset, entry.size, variable.name) == (".data", 40, 16, 24, "counter")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x9f\xeb", "too few for a header"),
        (b"\xeb\x9f" + TYPES[2:], "magic number 0x9feb"),
        (TYPES[:2] + b"\2" + TYPES[3:], "version 2"),
        (TYPES[:-1], "the string table .* beyond the section's end"),
        (section(record(20)), "unknown kind 20"),
        (section(INT[:-2]), "beyond the section's end"),
        (section(record(4, "pair", 8, count=60000)), "beyond the section's end"),
        (section(struct.pack("<III", 999, 1 << 24, 4) + bytes(4)), "string offset 999"),
    ],
)
def test_damage_is_named(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"^o: section \.BTF.*{message}"):
        btf.parse(data, "o: section .BTF")


@given(st.binary(max_size=200), st.integers(0, len(TYPES)))
def test_any_bytes_give_types_or_one_error(noise: bytes, start: int) -> None:
    data = TYPES[:start] + noise + TYPES[start + len(noise) :]
    try:
        parsed = btf.parse(data, "o")
        for id in range(len(parsed.types)):
            try:
                parsed.size(id)
            except InputError:
                continue
    except InputError:
        pass


def test_ext_tables_are_read_by_section(types: Btf) -> None:
    lines = struct.pack("<IIIIIII", 16, name(".data"), 1, 24, name("int"), name("pair"), 7 << 10 | 3)
    head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, len(lines))
    ext = btf_ext.parse(head + lines, types, "o: section .BTF.ext")
    ((section_name, (entry,)),) = ext.lines.items()
    assert (section_name, entry.position) == (".data", 24)
    assert (entry.line.file, entry.line.line, entry.line.column, entry.line.text) == ("int", 7, 3, "pair")
    assert ext.functions == {} and ext.relocations == {}


def test_ext_record_counts_are_bounded(types: Btf) -> None:
    lines = struct.pack("<III", 16, name(".data"), 0xFFFFFFFF)
    head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, len(lines))
    with pytest.raises(InputError, match=r"^o, line table: .*about section \.data"):
        btf_ext.parse(head + lines, types, "o")


def test_the_running_kernels_types_are_read() -> None:
    path = Path("/sys/kernel/btf/vmlinux")
    if not path.exists():
        pytest.skip("this kernel has no BTF")
    kernel = btf.parse(path.read_bytes(), "vmlinux")
    contexts = [t for t in kernel.types if isinstance(t, btf.Struct) and t.name == "xdp_md"]
    assert contexts and contexts[0].members[0].name == "data"
