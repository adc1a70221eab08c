"""Strings that printed lines show with %s: what Linux copies when the call is made (bpf_bprintf_prepare)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import CallLowering, Machine
from .events import MOST_COPIED, Line


def reference_line(machine: Machine, kind: Line, values: Sequence[int]) -> tuple[Line, list[int]]:
    """The kind and its values, where those of strings are addresses."""
    strings = [_copied(machine, value) if c.string else b"" for c, value in zip(kind.conversions, values, strict=True)]
    pairs = zip(kind.conversions, strings, values, strict=True)
    return (
        kind.with_strings([len(string) for string in strings]),
        [int.from_bytes(s, "little") if c.string else int(value != 0) if c.pointer else value for c, s, value in pairs],
    )


def _copied(machine: Machine, address: int) -> bytes:
    string = b""
    while len(string) < MOST_COPIED and (byte := machine.read(address + len(string), 1)) != b"\0":
        string += byte
    return string


def lower_line(call: CallLowering, kind: Line, first: int) -> tuple[Line, list[Any]]:
    """The kind and its values, from arguments ``first`` on. A string that is known becomes part of the text."""
    strings = [call.text(first + i) if c.string else () for i, c in enumerate(kind.conversions)]
    kind = kind.with_strings([len(string) for string in strings])
    values: list[Any] = []
    for i, string in enumerate(strings):
        number = len(values)
        if kind.conversions[number].pointer:
            there = call.is_pointer(first + i)
            if there is None:
                raise Refused(
                    f"{kind.helper} prints with '%p' what may be a number: Linux hides it behind one that differs from "
                    "boot to boot",
                    "print numbers with %lx",
                )
            if there.op == "const":
                kind = kind.with_constant(number, int(there.attr))
            else:
                values.append(there)
        elif not kind.conversions[number].string:
            values.append(call.argument(first + i))
        elif (known := _known(string)) is not None:
            kind = kind.with_constant(number, known)
        else:
            values.append(call.op("concat", 8 * len(string), *string))
    return kind, values


def _known(string: Sequence[Any]) -> int | None:
    """Bytes that are constants and ASCII, as a number."""
    data = [int(byte.attr) if byte.op == "const" else 0x80 for byte in string]
    return int.from_bytes(bytes(data), "little") if max(data, default=0) < 0x80 else None
