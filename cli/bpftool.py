"""Maps as bpftool prints them (tools/bpf/bpftool: json_writer.c, btf_dumper.c, map.c), byte for byte."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..codegen.btf import Btf
from ..codegen.btf_values import Address, Bits, Fields, Section, decode


class JsonWriter:
    """JSON in bpftool's layout: members of objects on lines of their own, elements of arrays not. ``plain``: numbers
    that JSON has no form for are not quoted."""

    def __init__(self, pretty: bool, plain: bool = False) -> None:
        self._pretty = pretty
        self._plain = plain
        self._parts: list[str] = []
        self._depth = 0
        self._separator = ""

    def text(self) -> str:
        """What was written."""
        return "".join(self._parts)

    def begin(self, bracket: str) -> None:
        """Open ``{`` or ``[``."""
        self._element(bracket)
        self._depth += 1
        self._separator = ""

    def end(self, bracket: str) -> None:
        """Close it."""
        self._depth -= 1
        if self._separator:
            self._line()
        self._parts.append(bracket)
        self._separator = ","

    def name(self, name: str) -> None:
        """The name of the member that comes next."""
        self._parts.append(self._separator)
        self._line()
        self._separator = ""
        self._parts += [_quoted(name), ": " if self._pretty else ":"]

    def raw(self, text: str) -> None:
        """An element that is JSON already."""
        self._element(text)

    def bytes(self, data: bytes) -> None:
        """An array of bytes."""
        self.begin("[")
        for byte in data:
            self.raw(f'"0x{byte:02x}"')
        self.end("]")

    def value(self, value: Any) -> None:
        """A value as `codegen.btf_values.decode` tells it."""
        match value:
            case Section():
                self.begin("{")
                self.name(value.name)
                self.begin("[")
                for name, content in value:
                    self.value(Fields([(name, content)]))
                self.end("]")
                self.end("}")
            case Fields():
                self.begin("{")
                for name, content in value:
                    self.name(name)
                    self.value(content)
                self.end("}")
            case list():
                self.begin("[")
                for content in value:
                    self.value(content)
                self.end("]")
            case Bits():
                self.raw(f"0x{value.pattern:x}" if self._plain else f'"0x{value.pattern:x}"')
            case Address() if self._plain:
                self.raw(f"0x{value:x}" if value else "(nil)")
            case bool():
                self.raw("true" if value else "false")
            case str():
                self.raw(_quoted(value))
            case _:
                self.raw(str(value))

    def _element(self, text: str) -> None:
        self._parts += [self._separator, text]
        self._separator = ","

    def _line(self) -> None:
        if self._pretty:
            self._parts.append("\n" + "    " * self._depth)


_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f", "\b": "\\b", "\\": "\\\\", '"': '\\"'}


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c, c) for c in text) + '"'


class MapText:
    """How the entries of one map are printed. ``types``, ``key_type``, ``value_type``: BTF, None and 0 where the object
    does not tell. ``per_cpu``: values are told by CPU; the hardware has one."""

    def __init__(self, types: Btf | None, key_type: int, value_type: int, per_cpu: bool) -> None:
        self._types = types if value_type else None
        self._key_type = key_type
        self._value_type = value_type
        self._per_cpu = per_cpu

    def dump(self, entries: Iterable[tuple[bytes, bytes]]) -> str:
        """All entries, for people."""
        if self._types is not None:
            writer = JsonWriter(pretty=True, plain=True)
            writer.begin("[")
            for key, value in entries:
                self._formatted(writer, key, value)
            writer.end("]")
            return writer.text()
        texts = [self._bytes(key, value) for key, value in entries]
        return "\n".join([*texts, f"Found {len(texts)} element{'' if len(texts) == 1 else 's'}"])

    def dump_json(self, entries: Iterable[tuple[bytes, bytes]], pretty: bool) -> str:
        """All entries as JSON."""
        writer = JsonWriter(pretty)
        writer.begin("[")
        for key, value in entries:
            self._entry(writer, key, value)
        writer.end("]")
        return writer.text()

    def entry(self, key: bytes, value: bytes) -> str:
        """One entry, for people."""
        if self._types is None:
            return self._bytes(key, value)
        writer = JsonWriter(pretty=True, plain=True)
        self._formatted(writer, key, value)
        return writer.text()

    def entry_json(self, key: bytes, value: bytes, pretty: bool) -> str:
        """One entry as JSON."""
        writer = JsonWriter(pretty)
        self._entry(writer, key, value)
        return writer.text()

    def _entry(self, writer: JsonWriter, key: bytes, value: bytes) -> None:
        writer.begin("{")
        writer.name("key")
        writer.bytes(key)
        if self._per_cpu:
            self._by_cpu(writer, lambda: writer.bytes(value))
        else:
            writer.name("value")
            writer.bytes(value)
        if self._types is not None:
            writer.name("formatted")
            self._formatted(writer, key, value)
        writer.end("}")

    def _formatted(self, writer: JsonWriter, key: bytes, value: bytes) -> None:
        assert self._types is not None
        writer.begin("{")
        if self._key_type:
            writer.name("key")
            writer.value(decode(self._types, self._key_type, key))
        shown = decode(self._types, self._value_type, value)
        if self._per_cpu:
            self._by_cpu(writer, lambda: writer.value(shown))
        else:
            writer.name("value")
            writer.value(shown)
        writer.end("}")

    @staticmethod
    def _by_cpu(writer: JsonWriter, value: Any) -> None:
        writer.name("values")
        writer.begin("[")
        writer.begin("{")
        writer.name("cpu")
        writer.raw("0")
        writer.name("value")
        value()
        writer.end("}")
        writer.end("]")

    def _bytes(self, key: bytes, value: bytes) -> str:
        if self._per_cpu:
            return f"key:\n{hexadecimal(key)}\nvalue (CPU 00):{_gap(len(value) > 16)}{hexadecimal(value)}"
        long = len(key) > 16 or len(value) > 16
        one_line = len(key) + len(value) <= 24 and not long
        told = f"key:{_gap(long)}{hexadecimal(key)}{'  ' if one_line else chr(10)}" if key else ""
        return f"{told}value:{_gap(long)}{hexadecimal(value)}"


def _gap(long: bool) -> str:
    return "\n" if long else " "


def hexadecimal(data: bytes) -> str:
    """Bytes in lines of 16, with a gap in the middle."""
    lines = [data[at : at + 16] for at in range(0, len(data), 16)]
    return "\n".join("  ".join(line[half : half + 8].hex(" ") for half in range(0, len(line), 8)) for line in lines)
