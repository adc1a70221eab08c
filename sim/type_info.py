"""Type information (BTF, include/uapi/linux/btf.h) without which Linux takes no function pointers, no locks, and no
tail calls from programs with subprograms."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

_MAGIC, _VERSION, _HEADER_BYTES = 0xEB9F, 1, 24
_INT, _ARRAY, _STRUCT, _FUNC, _FUNC_PROTO = 1, 3, 4, 12, 13  # BTF_KIND_*
_STATIC = 0  # linkage
_LOCK_BYTES = 4


class _Types:
    """Types in the order of their ids, from 1 on."""

    def __init__(self) -> None:
        self._strings = bytearray(b"\0")
        self._types = b""
        self._count = 0

    def add(self, kind: int, name: str, info: int, size_or_type: int, *words: int) -> int:
        """A type's id. ``words``: what follows struct btf_type."""
        self._types += struct.pack(
            f"<III{len(words)}I", self.string(name), kind << 24 | info, size_or_type, *words
        )
        self._count += 1
        return self._count

    def integer(self, name: str, size: int) -> int:
        """An unsigned integer of ``size`` bytes."""
        return self.add(_INT, name, 0, size, 8 * size)

    def array(self, element: int, length: int, index: int) -> int:
        """An array with indexes of type ``index``."""
        return self.add(_ARRAY, "", 0, 0, element, index, length)

    def struct(self, name: str, size: int, *members: tuple[str, int, int]) -> int:
        """Members: name, type, offset in bytes."""
        words = [word for text, type, offset in members for word in (self.string(text), type, 8 * offset)]
        return self.add(_STRUCT, name, len(members), size, *words)

    def string(self, text: str) -> int:
        if not text:
            return 0
        at = len(self._strings)
        name = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text)
        self._strings.extend(name.encode() + b"\0")
        return at

    def blob(self) -> bytes:
        header = struct.pack(
            "<HBBIIIII",
            _MAGIC,
            _VERSION,
            0,
            _HEADER_BYTES,
            0,
            len(self._types),
            len(self._types),
            len(self._strings),
        )
        return header + self._types + bytes(self._strings)


def function_info(functions: Mapping[int, str]) -> tuple[bytes, bytes]:
    """BTF in which every function is a static one, and the records that say at which slot each begins.

    Global functions Linux would verify on their own, with any arguments; hardpath inlines all.
    """
    types = _Types()
    prototype = types.add(_FUNC_PROTO, "", 0, types.integer("int", 4))
    records = b""
    for slot, name in sorted(functions.items()):
        records += struct.pack("<II", slot, types.add(_FUNC, f"f{slot}_{name}", _STATIC, prototype))
    return types.blob(), records


class MapTypes(NamedTuple):
    """BTF, and the ids in it of a map's key and value."""

    blob: bytes
    key: int
    value: int


def map_types(key_size: int, value_size: int, lock: int) -> MapTypes:
    """Keys of bytes (a number if there are 4), and values of bytes with a struct bpf_spin_lock at byte ``lock``."""
    types = _Types()
    number, byte = types.integer("int", 4), types.integer("byte", 1)
    members = [("lock", types.struct("bpf_spin_lock", _LOCK_BYTES, ("val", number, 0)), lock)]
    behind = lock + _LOCK_BYTES
    if lock:
        members.insert(0, ("before", types.array(byte, lock, number), 0))
    if behind < value_size:
        members.append(("behind", types.array(byte, value_size - behind, number), behind))
    key = number if key_size == 4 else types.array(byte, key_size, number)
    value = types.struct("value", value_size, *members)
    return MapTypes(types.blob(), key, value)
