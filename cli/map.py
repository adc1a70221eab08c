"""``hardpath map``: the maps of a running device or of a file, in the words and the layout of ``bpftool map``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from ..codegen.chain_file import load
from ..codegen.elf import with_map_size
from ..hdl.errors import InputError
from ..hdl.maps.linux import BPF_ANY, BPF_EXIST, BPF_NOEXIST, ENOENT
from ..nic_model.host_maps import HostMap, MapError
from ..nic_model.offline import contents, open_maps
from ..sim.mapfile import load_maps, save_maps
from .bpftool import JsonWriter, MapText, hexadecimal
from .device_options import Reached, device_options
from .main import NO
from .options import FILE, map_size_option
from .settings import Settings

_UNTYPED = frozenset((
    *("perf_event_array", "stack_trace", "cgroup_array", "array_of_maps", "hash_of_maps", "devmap", "devmap_hash"),
    *("sockmap", "sockhash", "cpumap", "xskmap", "queue", "stack"),
))
"""Map types of which libbpf tells the kernel no BTF (bpf_object__create_map), so bpftool prints bytes."""

_FLAGS = {"any": BPF_ANY, "noexist": BPF_NOEXIST, "exist": BPF_EXIST}


@click.command(
    short_help="Look at and change maps, as bpftool does.",
    epilog="VERB: show [MAP] | dump MAP | lookup MAP key DATA | "
    "update MAP [key DATA] value VALUE [any|exist|noexist] | getnext MAP [key DATA] | "
    "delete MAP key DATA | peek MAP | push MAP value VALUE | pop MAP | "
    "enqueue MAP value VALUE | dequeue MAP. MAP: name NAME | id NUMBER. DATA: [hex] BYTES. "
    "VALUE: DATA, in an array of programs also name PROGRAM.",
)
@device_options
@click.option(
    "--maps", "file", type=FILE, metavar="FILE", help="Instead: map contents as for sim --maps; changed in place."
)
@click.option(
    "--object", "object_", type=FILE, metavar="OBJECT",
    help="The object with the maps: needed for --maps, tells types for --uart and --ethernet.",
)
@map_size_option
@click.argument("verb")
@click.argument("words", nargs=-1)
@click.pass_obj
def command(
    settings: Settings,
    reached: Reached,
    file: Path | None,
    object_: Path | None,
    map_size: tuple[tuple[str, int], ...],
    verb: str,
    words: tuple[str, ...],
) -> int:
    """Look at and change the maps of a running simulation (--control), of a device in the wire (--uart, --ethernet),
    or of a file (--maps and --object)."""
    if verb not in _VERBS:
        raise click.UsageError(f"no verb {verb}: give one of {', '.join(_VERBS)}")
    with _maps(reached, file, object_, map_size) as maps:
        try:
            return _VERBS[verb](maps, _Words(words, verb), settings)
        except MapError as error:
            settings.complain("map", f"hardpath: {error}")
            return NO


@contextlib.contextmanager
def _maps(
    reached: Reached, file: Path | None, object_: Path | None, sizes: Sequence[tuple[str, int]]
) -> Iterator[dict[str, HostMap]]:
    if reached and file is None and (object_ is None or reached.control is None):
        if sizes:
            raise click.UsageError("--map-size is for maps of a file; those of a device are as they were built")
        with reached.device(object_) as device:
            yield device.maps
    elif not reached and file is not None and object_ is not None:
        spec = load(object_)
        for name, entries in sizes:
            spec = with_map_size(spec, name, entries)
        before = load_maps(file, spec.maps, [program.name for program in spec.programs]) if file.exists() else {}
        maps = open_maps(spec, before)
        at_first = contents(maps)
        yield maps
        if (after := contents(maps)) != at_first:
            save_maps(file, {**before, **after})
    else:
        raise click.UsageError(
            "say which maps: --control SOCKET, --uart TTY, --ethernet INTERFACE, or --maps FILE --object OBJECT"
        )


class _Words:
    """What follows the verb, taken word by word."""

    def __init__(self, words: Sequence[str], verb: str) -> None:
        self._words = list(words)
        self._verb = verb

    def map(self, maps: dict[str, HostMap]) -> HostMap:
        """``name NAME`` or ``id NUMBER``."""
        kind, name = self._take("a map: name NAME or id NUMBER"), self._take("the map's name or number")
        if kind == "name" and name in maps:
            return maps[name]
        if kind == "id" and name.isdecimal() and int(name) < len(maps):
            return list(maps.values())[int(name)]
        if kind not in ("name", "id"):
            raise click.UsageError(f"{self._verb}: expected name or id, got {kind}")
        raise InputError(f"there is no map {name}; these are: {', '.join(maps) or 'none'}")

    def key(self, found: HostMap, needed: bool = True) -> bytes | None:
        """``key DATA``."""
        if not self._is_next("key"):
            if needed and found.spec.key_size:
                raise click.UsageError(f"{self._verb}: expected key")
            return None
        return self._bytes(found.spec.key_size, "key")

    def value(self, found: HostMap) -> bytes:
        """``value VALUE``."""
        if not self._is_next("value"):
            raise click.UsageError(f"{self._verb}: expected value")
        if found.names and self._is_next("name"):
            return found.value_bytes(self._take("the name of a program or map"))
        return self._bytes(found.spec.value_size, "value")

    def flags(self) -> int:
        """``any``, ``exist`` or ``noexist``, or nothing."""
        if not self._words:
            return BPF_ANY
        word = self._take("flags")
        if word not in _FLAGS:
            raise click.UsageError(f"{self._verb}: unrecognized flag {word}: give any, exist or noexist")
        return _FLAGS[word]

    def end(self) -> None:
        """Nothing is left."""
        if self._words:
            raise click.UsageError(f"{self._verb}: {self._words[0]} is one word too many")

    @property
    def any(self) -> bool:
        return bool(self._words)

    def _take(self, what: str) -> str:
        if not self._words:
            raise click.UsageError(f"{self._verb}: expected {what}")
        return self._words.pop(0)

    def _is_next(self, word: str) -> bool:
        """Takes the word if it comes next; unlike its first letters, as bpftool has it, only the whole word."""
        found = self._words[:1] == [word]
        del self._words[: int(found)]
        return found

    def _bytes(self, size: int, what: str) -> bytes:
        base = 16 if self._is_next("hex") else 0
        data = bytearray()
        while self._words and len(data) < size:
            word = self._words[0]
            try:
                number = int(word, 8 if base == 0 and word.startswith("0") and word.isdecimal() else base)
            except ValueError:
                break
            if not 0 <= number <= 255:
                raise click.UsageError(f"{self._verb}: {word} is no byte: {_remedy(word, base)}")
            data.append(number)
            del self._words[0]
        if len(data) < size:
            hint = "" if base == 16 else ": hexadecimal ones come behind hex"
            wrong = f", and {self._words[0]} is none{hint}" if self._words else ""
            raise click.UsageError(f"{self._verb}: {what} expected {size} bytes got {len(data)}{wrong}")
        return bytes(data)


def _remedy(word: str, base: int) -> str:
    """For what is too large for a byte. Several of them in a word are for bpftool, too, one that is too large."""
    digits = word[2:] if word[:2] in ("0x", "0X") else word if base == 16 else ""
    if len(digits) % 2 or not digits:
        return "a byte is 0 to 255"
    return f"give each byte by itself, as to bpftool: {'' if base == 16 else 'hex '}{bytes.fromhex(digits).hex(' ')}"


def _print_entry(settings: Settings, found: HostMap, key: bytes, value: bytes) -> None:
    text = _text(found)
    click.echo(text.entry_json(key, value, settings.pretty) if _json(settings) else text.entry(key, value))


def _json(settings: Settings) -> bool:
    return settings.json or settings.pretty


def _text(found: HostMap) -> MapText:
    spec = found.spec
    types = None if found.type in _UNTYPED else spec.btf
    return MapText(types, spec.key_type, spec.value_type, "percpu" in found.type)


def _done(settings: Settings) -> int:
    if _json(settings):
        click.echo("null")
    return 0


def _show(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
    chosen = [words.map(maps)] if words.any else list(maps.values())
    words.end()
    numbers = {found.name: number for number, found in enumerate(maps.values())}
    writer = JsonWriter(settings.pretty)
    writer.begin("[")
    for found in chosen:
        spec = found.spec
        if not _json(settings):
            click.echo(f"{numbers[found.name]}: {found.type}  name {found.name}  flags 0x{spec.flags:x}")
            click.echo(f"\tkey {spec.key_size}B  value {spec.value_size}B  max_entries {spec.max_entries}")
        writer.begin("{")
        for name, value in (
            ("id", numbers[found.name]),
            ("type", found.type),
            ("name", found.name),
            ("flags", spec.flags),
            ("bytes_key", spec.key_size),
            ("bytes_value", spec.value_size),
            ("max_entries", spec.max_entries),
        ):
            writer.name(name)
            writer.value(value)
        writer.end("}")
    writer.end("]")
    if _json(settings):
        click.echo(writer.text())
    return 0


def _dump(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
    found = words.map(maps)
    words.end()
    keyless = not found.spec.key_size
    entries = ((b"" if keyless else key, value) for key, value in found.raw.items())
    text = _text(found)
    click.echo(text.dump_json(entries, settings.pretty) if _json(settings) else text.dump(entries))
    return 0


def _lookup(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
    found = words.map(maps)
    key = words.key(found) or b""
    words.end()
    value = found.raw.lookup_many([key])[0] if key else found.raw.peek()
    if value is not None:
        _print_entry(settings, found, key, value)
        return 0
    click.echo("null" if _json(settings) else f"key:\n{hexadecimal(key)}\n\nNot found")
    return NO


def _update(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
    found = words.map(maps)
    key = words.key(found) or b""
    value, flags = words.value(found), words.flags()
    words.end()
    if key:
        found.update(key, value, flags)
    else:
        found.push(value, flags)
    return _done(settings)


def _delete(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
    found = words.map(maps)
    key = words.key(found)
    words.end()
    if key is None:
        raise click.UsageError(f"delete: map {found.name} has no keys: pop takes a value out")
    found.delete(key)
    return _done(settings)


def _getnext(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
    found = words.map(maps)
    key = words.key(found, needed=False)
    words.end()
    following = found.next_key_bytes(key)
    if following is None:
        raise MapError("can't get next key", ENOENT)
    if not _json(settings):
        click.echo(f"{'key: None' if key is None else 'key:' + chr(10) + hexadecimal(key)}")
        click.echo(f"next key:\n{hexadecimal(following)}")
        return 0
    writer = JsonWriter(settings.pretty)
    writer.begin("{")
    writer.name("key")
    writer.raw("null") if key is None else writer.bytes(key)
    writer.name("next_key")
    writer.bytes(following)
    writer.end("}")
    click.echo(writer.text())
    return 0


def _front(take: bool) -> _Verb:
    """peek, or pop and dequeue."""

    def verb(maps: dict[str, HostMap], words: _Words, settings: Settings) -> int:
        found = words.map(maps)
        words.end()
        if found.spec.key_size:
            raise InputError(f"map {found.name} has keys: lookup and delete are for it")
        value = found.raw.pop() if take else found.raw.peek()
        if value is not None:
            _print_entry(settings, found, b"", value)
            return 0
        if not _json(settings):
            raise InputError(f"map {found.name}: empty map")
        click.echo("null")
        return NO

    return verb


_Verb = Callable[[dict[str, HostMap], _Words, Settings], int]
_VERBS: dict[str, _Verb] = {
    "show": _show,
    "list": _show,
    "dump": _dump,
    "lookup": _lookup,
    "update": _update,
    "getnext": _getnext,
    "delete": _delete,
    "peek": _front(take=False),
    "push": _update,
    "enqueue": _update,
    "pop": _front(take=True),
    "dequeue": _front(take=True),
}
