"""Type information for functions, without which Linux takes no function pointers, and no tail calls
from programs with subprograms (include/uapi/linux/btf.h)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_MAGIC, _VERSION, _HEADER_BYTES = 0xEB9F, 1, 24
_INT, _FUNC, _FUNC_PROTO = 1, 12, 13  # BTF_KIND_*
_STATIC = 0  # linkage


def function_info(functions: Mapping[int, str]) -> tuple[bytes, bytes]:
    """BTF in which every function is a static one, and the records that say at which slot each begins.

    Global functions Linux would verify on their own, with any arguments; hardpath inlines all.
    """
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        at = len(strings)
        strings.extend("".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text).encode() + b"\0")
        return at

    types = struct.pack("<IIII", string("int"), _INT << 24, 4, 1 << 24 | 32)
    types += struct.pack("<III", 0, _FUNC_PROTO << 24, 1)
    records = b""
    for number, (slot, name) in enumerate(sorted(functions.items()), 3):
        types += struct.pack("<III", string(f"f{slot}_{name}"), _FUNC << 24 | _STATIC, 2)
        records += struct.pack("<II", slot, number)
    header = struct.pack(
        "<HBBIIIII", _MAGIC, _VERSION, 0, _HEADER_BYTES, 0, len(types), len(types), len(strings)
    )
    return header + types + bytes(strings), records
