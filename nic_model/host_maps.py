"""Maps as a host program sees them, with the look of libbpf: bytes below, typed by the object's BTF above."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ..codegen.btf_values import decode, encode, plain
from ..codegen.inner_maps import value_names
from ..codegen.map_names import map_type_name
from ..codegen.spec import MapSpec
from ..hdl.errors import InputError
from ..hdl.maps.linux import BPF_ANY, EPERM


class MapError(InputError):
    """An operation that the map does not do; ``errno`` is what bpf(2) would say."""

    def __init__(self, what: str, errno: int) -> None:
        super().__init__(f"{what}: {os.strerror(errno)}")
        self.errno = errno


class Backend(Protocol):
    """A map of bytes. Numbers that come back are 0 or a negative errno."""

    def lookup_many(self, keys: Iterable[bytes]) -> list[bytes | None]: ...
    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> list[int]: ...
    def delete_many(self, keys: Iterable[bytes]) -> list[int]: ...
    def push(self, value: bytes, flags: int = 0) -> int: ...
    def pop(self) -> bytes | None: ...
    def peek(self) -> bytes | None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...


class Constant:
    """Read-only data, of which the hardware has made logic."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def lookup_many(self, keys: Iterable[bytes]) -> list[bytes | None]:
        return [None if any(key) else self._value for key in keys]

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> list[int]:
        return [-EPERM for _ in entries]

    def delete_many(self, keys: Iterable[bytes]) -> list[int]:
        return [-EPERM for _ in keys]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        yield bytes(4), self._value

    def push(self, value: bytes, flags: int = 0) -> int:
        return -EPERM

    def pop(self) -> bytes | None:
        return None

    def peek(self) -> bytes | None:
        return self._value


class HostMap:
    """One map. Keys and values go in as bytes or typed (`codegen.btf_values.encode`: an int, a dict of struct members,
    a list ...) and come out typed where the object says of what type they are, else as bytes; `raw` has bytes only. The
    value of a per-CPU map is one value: the hardware is one CPU.

    Every operation happens between two frames. Raises `MapError` for what bpf(2) would refuse, `InputError` for keys
    and values that do not fit their type.
    """

    def __init__(self, spec: MapSpec, backend: Backend, programs: tuple[str, ...] = ()) -> None:
        self.spec = spec
        self.raw = backend
        self.names = tuple(value_names(spec, programs))
        """What values are called, if they stand for programs or maps."""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def type(self) -> str:
        """As bpftool calls it."""
        return map_type_name(self.spec.type)

    # One entry

    def lookup(self, key: Any) -> Any:
        """The value, None if there is none."""
        return self.lookup_batch([key])[0]

    def update(self, key: Any, value: Any, flags: int = BPF_ANY) -> None:
        """Insert or replace an entry; ``flags``: BPF_ANY, BPF_NOEXIST (insert only), BPF_EXIST (replace only)."""
        self.update_batch([(key, value)], flags)

    def delete(self, key: Any) -> None:
        """Take an entry away."""
        self.delete_batch([key])

    def get_next_key(self, key: Any = None) -> Any:
        """The key behind a key in the map's own order; the first for None and for a key that is not there. None at
        the end."""
        found = self.next_key_bytes(None if key is None else self.key_bytes(key))
        return None if found is None else self.key_of(found)

    def next_key_bytes(self, key: bytes | None) -> bytes | None:
        """The same in bytes."""
        first: bytes | None = None
        take = False
        for found, _ in self.raw.items():
            if take:
                return found
            first = found if first is None else first
            take = found == key
        return None if take else first

    # Maps without keys

    def push(self, value: Any, flags: int = BPF_ANY) -> None:
        """Add a value to a queue, stack or bloom filter. ``flags`` BPF_EXIST: drop the oldest if there is no room."""
        self._done("push", self.raw.push(self.value_bytes(value), flags))

    def pop(self) -> Any:
        """Take the value out that is next, None if there is none."""
        found = self.raw.pop()
        return None if found is None else self.value_of(found)

    def peek(self) -> Any:
        """The value that is next, None if there is none."""
        found = self.raw.peek()
        return None if found is None else self.value_of(found)

    # Many entries

    def lookup_batch(self, keys: Iterable[Any]) -> list[Any]:
        """`lookup` for each key. This and the other batches are carried out some thousand at a time."""
        found = self.raw.lookup_many([self.key_bytes(key) for key in keys])
        return [None if value is None else self.value_of(value) for value in found]

    def update_batch(self, entries: Mapping[Any, Any] | Iterable[tuple[Any, Any]], flags: int = BPF_ANY) -> None:
        """`update` for each entry. All are tried; raises the first error."""
        pairs = list(entries.items() if isinstance(entries, Mapping) else entries)
        coded = [(self.key_bytes(key), self.value_bytes(value)) for key, value in pairs]
        for status in self.raw.update_many(coded, flags):
            self._done("update", status)

    def delete_batch(self, keys: Iterable[Any]) -> None:
        """`delete` for each key. All are tried; raises the first error."""
        for status in self.raw.delete_many([self.key_bytes(key) for key in keys]):
            self._done("delete", status)

    def items(self) -> Iterator[tuple[Any, Any]]:
        """All entries in the map's own order. Each is as it was at one moment; they are read one after the other."""
        for key, value in self.raw.items():
            yield self.key_of(key), self.value_of(value)

    def keys(self) -> Iterator[Any]:
        return (key for key, _ in self.items())

    def values(self) -> Iterator[Any]:
        return (value for _, value in self.items())

    def __iter__(self) -> Iterator[Any]:
        return self.keys()

    def __len__(self) -> int:
        return sum(1 for _ in self.raw.items())

    def __getitem__(self, key: Any) -> Any:
        if (found := self.lookup(key)) is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        self.update(key, value)

    def __delitem__(self, key: Any) -> None:
        self.delete(key)

    # Types

    def key_bytes(self, key: Any) -> bytes:
        """A key's bytes."""
        return self._bytes(key, self.spec.key_type, self.spec.key_size, "key")

    def value_bytes(self, value: Any) -> bytes:
        """A value's bytes; where it stands for a program or map it may be its name."""
        if isinstance(value, str) and self.names:
            if value not in self.names:
                what = "map" if self.spec.inner else "program"
                raise InputError(f"there is no {what} {value}; these are: {', '.join(self.names)}")
            value = (1 + self.names.index(value)).to_bytes(self.spec.value_size, "little")
        return self._bytes(value, self.spec.value_type, self.spec.value_size, "value")

    def key_of(self, data: bytes) -> Any:
        """Bytes of a key, typed."""
        return self._typed(data, self.spec.key_type)

    def value_of(self, data: bytes) -> Any:
        """Bytes of a value, typed."""
        return self._typed(data, self.spec.value_type)

    def _bytes(self, given: Any, type_id: int, size: int, what: str) -> bytes:
        if isinstance(given, (bytes, bytearray)):
            coded = bytes(given)
        elif self.spec.btf is not None and type_id:
            coded = encode(self.spec.btf, type_id, given)
        elif isinstance(given, int):
            low = -(1 << 8 * size - 1) if size else 0
            if not low <= given < 1 << 8 * size:
                raise InputError(f"map {self.name}: {what} {given} does not fit {size} bytes")
            coded = (given % (1 << 8 * size)).to_bytes(size, "little")
        else:
            raise InputError(f"map {self.name}: its object does not tell of what type a {what} is: give bytes")
        if len(coded) != size:
            raise InputError(f"map {self.name}: {what} expected {size} bytes got {len(coded)}")
        return coded

    def _typed(self, data: bytes, type_id: int) -> Any:
        return data if self.spec.btf is None or not type_id else plain(decode(self.spec.btf, type_id, data))

    def _done(self, what: str, status: int) -> None:
        if status:
            raise MapError(f"map {self.name}: {what} failed", -status)
