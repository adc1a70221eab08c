"""Map contents as JSON, the form of ``--maps`` and ``--maps-out``.

``{"map name": [{"key": K, "value": V}, ...]}`` (of a map without keys, K is the position, see
`hdl.maps.base.listed_key_size`); K and V are bytes in memory order, written as a hexadecimal
string or as bpftool writes them, a list of ``"0x.."``. A program in an array of programs, or a map in a map
of maps, may be given by its name.
Out comes the string form, sorted by key.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..codegen.inner_maps import value_names
from ..codegen.spec import MapSpec
from ..hdl.errors import InputError
from ..hdl.maps.base import listed_key_size

_LPM_TRIE = 11

Contents = Mapping[str, Mapping[bytes, bytes]]
"""Map name -> key -> value."""


def load_maps(
    path: str | Path, specs: Mapping[str, MapSpec], programs: Sequence[str] = ()
) -> dict[str, dict[bytes, bytes]]:
    """The contents in a file; ``programs``: names of those that arrays of programs can hold, by number - 1.

    Raises InputError naming the map and the entry that are wrong.
    """
    try:
        document = json.loads(Path(path).read_text(), object_pairs_hook=_without_duplicates)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give a JSON file as --maps-out writes it") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    try:
        return parse_maps(document, specs, programs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON document; Python would keep the last of equal names and say nothing."""
    document = dict(pairs)
    if len(document) != len(pairs):
        twice = next(name for name in document if sum(name == other for other, _ in pairs) > 1)
        raise InputError(f'"{twice}" is there twice in one object: give it once')
    return document


def parse_maps(
    document: Any, specs: Mapping[str, MapSpec], programs: Sequence[str] = ()
) -> dict[str, dict[bytes, bytes]]:
    """The same from parsed JSON."""
    if not isinstance(document, dict):
        raise InputError('map contents are an object: {"map name": [{"key": ..., "value": ...}, ...]}')
    return {name: _entries(name, entries, specs, programs) for name, entries in document.items()}


def _entries(name: str, entries: Any, specs: Mapping[str, MapSpec], programs: Sequence[str]) -> dict[bytes, bytes]:
    if name not in specs:
        raise InputError(f"there is no map {name}; the maps are {', '.join(sorted(specs)) or 'none'}")
    if not isinstance(entries, list):
        raise InputError(f'map {name}: its entries are a list of {{"key": ..., "value": ...}}')
    spec = specs[name]
    names = value_names(spec, programs)
    contents: dict[bytes, bytes] = {}
    numbers: dict[bytes, int] = {}
    for number, entry in enumerate(entries):
        where = f"map {name}, entry {number}"
        if not isinstance(entry, dict) or not {"key", "value"} <= entry.keys():
            raise InputError(f'{where}: an entry is an object with "key" and "value"')
        key = parse_key(entry["key"], spec, f"{where}, key")
        if (first := numbers.setdefault(key, number)) != number:
            raise InputError(f"{where}: entry {first} has the same key {key.hex()}: give one of them")
        contents[key] = parse_value(entry["value"], spec, names, f"{where}, value")
    return contents if spec.key_size else dict(sorted(contents.items(), key=lambda item: item[0][::-1]))


def parse_key(written: Any, spec: MapSpec, where: str) -> bytes:
    """A key in either form. ``where``: what messages call it."""
    return _bytes(written, listed_key_size(spec), where)


def parse_value(written: Any, spec: MapSpec, names: Sequence[str], where: str) -> bytes:
    """A value in either form, or one of the ``names`` that values of this map have (`value_names`)."""
    if isinstance(written, str) and written in names:
        return (1 + names.index(written)).to_bytes(spec.value_size, "little")
    return _bytes(written, spec.value_size, where)


def _bytes(written: Any, size: int, where: str) -> bytes:
    """Bytes from either form, of the right number."""
    try:
        if isinstance(written, str):
            data = bytes.fromhex(written.removeprefix("0x"))
        elif not isinstance(written, list):
            raise TypeError
        else:
            if any(isinstance(byte, bool) for byte in written):  # which bytes() takes for numbers
                raise TypeError
            data = bytes(int(byte, 16) if isinstance(byte, str) else byte for byte in written)
    except (TypeError, ValueError):
        raise InputError(f'{where}: neither a hexadecimal string nor a list of "0x.." bytes') from None
    if len(data) != size:
        raise InputError(f"{where}: {len(data)} bytes, must be {size}")
    return data


def not_taken(spec: MapSpec, key: bytes, error: int) -> InputError:
    """What to raise when a map does not take an entry; ``error`` is the errno, above 0."""
    why = os.strerror(error)
    if error == errno.E2BIG:
        why = f"it holds {spec.max_entries:,} entries: give fewer, or enlarge it with --map-size {spec.name}=N"
    bits, prefix = 8 * (spec.key_size - 4), int.from_bytes(key[:4], "little")
    if spec.type == _LPM_TRIE and prefix > bits:
        why = f"its prefix has {prefix} bits, and what is behind its length {bits}"
    return InputError(f"map {spec.name} does not take the entry with key {key.hex()}: {why}")


def format_maps(contents: Contents) -> dict[str, list[dict[str, str]]]:
    """Contents as a JSON document, entries sorted by key."""
    return {
        name: [{"key": key.hex(), "value": value.hex()} for key, value in sorted(entries.items())]
        for name, entries in contents.items()
    }


def save_maps(path: str | Path, contents: Contents) -> None:
    """Write a file that `load_maps` reads. Raises InputError when that fails."""
    try:
        Path(path).write_text(json.dumps(format_maps(contents), indent=2) + "\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
