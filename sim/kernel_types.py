"""The running kernel's types: by which number it knows its functions (BTF, Documentation/bpf/btf.rst)."""

from __future__ import annotations

import functools
import struct
from pathlib import Path

from ..hdl.errors import InputError

_VMLINUX = Path("/sys/kernel/btf/vmlinux")
_HEADER = struct.Struct("<HBBIIIII")
_MAGIC = 0xEB9F
_FUNC = 12
_RECORD_BYTES = {1: 4, 3: 12, 14: 4, 17: 4}  # of kinds with one: INT, ARRAY, VAR, DECL_TAG
_MEMBER_BYTES = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # STRUCT, UNION, ENUM, FUNC_PROTO, DATASEC, ENUM64


@functools.cache
def function_id(name: str) -> int:
    """The BTF id of a kernel function. Raises InputError if the kernel has none of this name, or tells no types."""
    try:
        data = _VMLINUX.read_bytes()
    except OSError as error:
        raise InputError(f"Linux tells no types: {_VMLINUX}: {error.strerror}") from None
    magic, _, _, header, types, type_bytes, strings, string_bytes = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise InputError(f"{_VMLINUX} is no BTF of this machine's byte order")
    start = header + strings
    text = data.find(b"\0" + name.encode() + b"\0", start, start + string_bytes) + 1 - start
    at, end, number = header + types, header + types + type_bytes, 1
    while at < end and text > 0:
        label, info = struct.unpack_from("<II", data, at)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        if kind == _FUNC and label == text:
            return number
        at += 12 + _RECORD_BYTES.get(kind, 0) + _MEMBER_BYTES.get(kind, 0) * count
        number += 1
    raise InputError(f"this kernel has no function {name}, which the program calls")
