"""Reading a YAML document strictly: every value is of the kind it should be, every key is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..codegen import yaml_file
from ..hdl.errors import InputError

T = TypeVar("T")

_PICOSECONDS = {"s": 10**12, "ms": 10**9, "us": 10**6, "ns": 10**3}
_BYTES = {"": 1, "kib": 1 << 10, "mib": 1 << 20, "kb": 1000, "mb": 1000_000}


class Section:
    """A mapping of the document. ``where``: what messages call it. Errors are `InputError`."""

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where}: must be a mapping of names to values")
        self._content = {str(key): value for key, value in content.items()}
        self._asked: set[str] = set()
        self.where = where

    @classmethod
    def read(cls, path: Path) -> Section:
        """A whole file."""
        return cls(yaml_file.read(path), str(path))

    def get(self, name: str) -> Any:
        """The raw value, None if it is not there."""
        self._asked.add(name)
        return self._content.get(name)

    def required(self, name: str) -> Any:
        """The raw value."""
        value = self.get(name)
        if value is None:
            raise InputError(f"{self.where}: {name} is missing")
        return value

    def parsed(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        """The value as ``parse`` reads it; errors get the place in front of them."""
        value = self.get(name)
        return default if value is None else self._parse(name, parse, value)

    def needed(self, name: str, parse: Callable[[Any], T]) -> T:
        """The same of a value that must be there."""
        return self._parse(name, parse, self.required(name))

    def _parse(self, name: str, parse: Callable[[Any], T], value: Any) -> T:
        try:
            return parse(value)
        except InputError as error:
            raise InputError(f"{self.where}: {name}: {error}") from None

    def section(self, name: str) -> Section:
        """A mapping in it, empty if it is not there."""
        value = self.get(name)
        return Section({} if value is None else value, f"{self.where}: {name}")

    def sections(self, name: str) -> list[Section]:
        """A list of mappings, empty if it is not there."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {name}: must be a list")
        return [Section(item, f"{self.where}: {name}[{i}]") for i, item in enumerate(value)]

    def items(self) -> list[tuple[str, Any]]:
        """All names and raw values, whatever they are."""
        self._asked |= self._content.keys()
        return list(self._content.items())

    def finish(self) -> None:
        """Raise an error if there is a key that nobody asked for."""
        for name in self._content:
            if name not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise InputError(f"{self.where}: there is no setting {name!r}: those are {known}")


def text(value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise InputError(f"{value!r} is not a text")
    return str(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{value!r} is neither true nor false")
    return value


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number from ``low`` to ``high``."""

    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{value!r} is not a whole number from {low:,} to {high:,}")
        return value

    return parse


def number(low: float, high: float) -> Callable[[Any], float]:
    """A number from ``low`` to ``high``."""

    def parse(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{value!r} is not a number from {low:g} to {high:g}")
        return float(value)

    return parse


def duration(value: Any) -> int:
    """``1.5ms`` in picoseconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|ms|us|ns)", str(value).strip())
    if not found:
        raise InputError(f"{value!r} is no duration: give one as 2ms or 500us")
    return round(float(found[1]) * _PICOSECONDS[found[2]])


def size(value: Any) -> int:
    """``64KiB`` in bytes; a plain number is bytes."""
    found = re.fullmatch(r"(\d+)\s*(\w*)", str(value).strip())
    unit = _BYTES.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise InputError(f"{value!r} is no number of bytes: give one as 16384 or 64KiB")
    return int(found[1]) * unit
