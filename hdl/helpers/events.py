"""What programs tell the host beside verdicts and maps: events, of a kind for each call that makes them.

Here are those that are printed lines; `hdl.helpers.records` has those that are records in buffers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..errors import Refused
from .words import signed

MOST_TEXT = 1023
"""Characters of one line that Linux prints at most (MAX_BPRINTF_BUF less the end of the string)."""

MOST_COPIED = 512
"""Bytes of arguments, strings with their zeros, that Linux copies for one line (MAX_BPRINTF_BIN_ARGS)."""

NUMBER_ALIGNMENT = 4
"""What numbers are aligned to among them."""

WORD = 8
"""Events are padded to whole words of so many bytes."""

PRINTED = ""
"""The channel of printed lines; no map has this name."""

ANY_POINTER = b"(____ptrval____)"
"""What Linux prints for a pointer as long as it has no random number to hide its address with (lib/vsprintf.c)."""

NULL_POINTER = b"0" * 16
"""NULL is not hidden."""

_SPECIFIER = re.compile(rb"%(?:(%)|([0+\- ]*)([1-9][0-9]*)?(l{0,2})(.?))", re.S)


@dataclass(frozen=True, slots=True)
class Event:
    """What the host gets. ``channel``: the map in whose buffer the record is, or `PRINTED`. ``text``: the line, or the
    bytes of the record in hexadecimal. Events of one channel have an order, those of different ones have none."""

    channel: str
    text: str


class EventKind(Protocol):
    """What is the same for all events of one call. Their values come one behind the other, the first in the lowest
    bits. ``tail``: whether bytes of the stored frame follow the values; then the first values are those of `TAIL`."""

    @property
    def channel(self) -> str: ...
    @property
    def tail(self) -> bool: ...
    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of an event's values."""

    def decode(self, packed: int, tail: bytes = b"") -> Event:
        """The event; ``tail``: at least the bytes that follow, which whole beats may have more of."""


TAIL = (16, 16, 16)
"""Bits of: how many bytes of the frame follow, its place in the frame store (`hdl.frame_store`), and where in it."""


def tail_of(packed: int) -> tuple[int, int]:
    """How many bytes of the frame as received follow, and from which on, by the values of an event with a tail."""
    size, place, _ = TAIL
    return packed & ((1 << size) - 1), packed >> size + place & 0xFFFF


@dataclass(frozen=True, slots=True)
class Conversion:
    """One ``%`` of a format: Python's specification for ``signed`` or unsigned numbers of ``bits`` bits, or for a
    ``string`` of at most ``bits`` bits, its first character lowest, which ends in front of the first zero; or for a
    ``pointer``, of which 1 bit says that it is not NULL: one is like the other, `ANY_POINTER`."""

    python: str
    bits: int
    signed: bool
    string: bool = False
    pointer: bool = False

    @property
    def copied(self) -> int:
        """Bytes that Linux copies at most."""
        if self.string:
            return self.bits // 8 + 1
        return (WORD if self.pointer else self.bits // 8) + NUMBER_ALIGNMENT - 1

    def bytes(self, value: int) -> bytes:
        """What is printed for a value, given as an unsigned number."""
        value &= (1 << self.bits) - 1
        if self.pointer:
            return ANY_POINTER if value else NULL_POINTER
        if self.string:
            return self.python.encode() % value.to_bytes(-(-self.bits // 8), "little").partition(b"\0")[0]
        return self.python.encode() % (signed(value, self.bits) if self.signed else value)


@dataclass(frozen=True, slots=True)
class Line:
    """The kind of events that are printed lines: text with a conversion between each two pieces of ``text``."""

    helper: str
    text: tuple[str, ...]
    conversions: tuple[Conversion, ...]
    tail: bool = False

    @property
    def channel(self) -> str:
        """Printed lines have one of their own."""
        return PRINTED

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of an event's values."""
        return tuple(conversion.bits for conversion in self.conversions)

    def decode(self, packed: int, tail: bytes = b"") -> Event:
        """The line for values one behind the other, the first in the lowest bits."""
        values, at = [], 0
        for width in self.widths:
            values.append(packed >> at)
            at += width
        return self.event(values)

    def event(self, values: Sequence[int]) -> Event:
        """The event for values given as unsigned numbers."""
        return Event(PRINTED, self.format(values))

    def format(self, values: Sequence[int]) -> str:
        """The line for values given as unsigned numbers; bytes that are no UTF-8 are shown as ``\\xff``."""
        parts = [self.text[0].encode()]
        for conversion, value, text in zip(self.conversions, values, self.text[1:], strict=True):
            parts += [conversion.bytes(value), text.encode()]
        return b"".join(parts)[:MOST_TEXT].decode("utf-8", "backslashreplace")

    def with_strings(self, sizes: Sequence[int]) -> Line:
        """The kind for strings of at most so many bytes (for conversions of numbers the size is not looked at).

        Raises `Refused` where Linux, which copies strings and numbers into one buffer, might not have room for all.
        """
        conversions = tuple(
            replace(conversion, bits=8 * size) if conversion.string else conversion
            for conversion, size in zip(self.conversions, sizes, strict=True)
        )
        room = sum(conversion.copied for conversion in conversions)
        if room > MOST_COPIED and any(c.string for c in conversions):
            raise Refused(
                f"the strings and numbers that {self.helper} prints may take {room} bytes, of which Linux copies "
                f"{MOST_COPIED}",
                "print shorter strings, or in several calls",
            )
        return replace(self, conversions=conversions)

    def with_constant(self, number: int, value: int) -> Line:
        """The kind for a value that is always the same: it becomes text. A character that is no ASCII cannot."""
        before, after = self.text[number], self.text[number + 1]
        joined = before + self.conversions[number].bytes(value).decode("ascii") + after
        return replace(
            self,
            text=(*self.text[:number], joined, *self.text[number + 2 :]),
            conversions=(*self.conversions[:number], *self.conversions[number + 1 :]),
        )


def event_bytes(widths: Sequence[int]) -> int:
    """Bytes of the longest event; ``widths``: bits of the values of each kind."""
    return WORD * max(1, -(-max(widths, default=0) // (8 * WORD)))


def line(helper: str, format: bytes) -> Line:
    """The kind of event for a format as it is passed, with the zero at its end (bpf_bprintf_prepare).

    Raises `Refused` for what Linux does not print, and for what needs the memory of a kernel.
    """
    text, end, _ = format.partition(b"\0")
    if not end or any(not (32 <= c < 127 or c in b"\t\n\v\f\r") for c in text):
        raise Refused(
            f"the format of {helper} is no text that Linux prints", "use ASCII characters, and a zero at the end"
        )
    pieces: list[str] = [""]
    conversions: list[Conversion] = []
    at = 0
    for match in _SPECIFIER.finditer(text):
        pieces[-1] += text[at : match.start()].decode()
        at = match.end()
        percent, flags, width, length, kind = match.groups()
        if percent:
            pieces[-1] += "%"
            continue
        if kind == b"s" and not length:
            if at < len(text) and chr(text[at]).isalnum():
                raise Refused(
                    f"{helper} prints with {match[0].decode()!r} and {chr(text[at])!r} behind it, for which Linux "
                    "prints nothing",
                    "put a space or a punctuation mark behind %s",
                )
            left = "-" if b"-" in flags else ""
            conversions.append(Conversion(f"%{left}{(width or b'').decode()}s", 0, False, string=True))
            pieces.append("")
            continue
        if match[0] == b"%p" and not (at < len(text) and chr(text[at]).isalnum()):
            conversions.append(Conversion("", 1, False, pointer=True))
            pieces.append("")
            continue
        if kind not in (b"d", b"i", b"u", b"x", b"X"):
            raise Refused(
                f"{helper} prints with {match[0].decode()!r}, which the hardware does not have",
                "print strings with %s, pointers with %p, and numbers with %d, %i, %u, %x and %X, with l or ll for "
                "64 bits",
            )
        is_signed, letter = kind in b"di", "d" if kind in b"diu" else kind.decode()
        shown = [chr(flag) for flag in flags if is_signed or flag not in b"+ "]  # there is no sign to show
        python = f"%{''.join(shown)}{(width or b'').decode()}{letter}"
        conversions.append(Conversion(python, 64 if length else 32, is_signed))
        pieces.append("")
    pieces[-1] += text[at:].decode()
    return Line(helper, tuple(pieces), tuple(conversions))
