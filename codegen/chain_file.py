"""Objects and chains of them, by file name: ``chain.yaml`` names objects whose programs run one after the other.

    name: edge                        # of the whole; without: the file's
    programs:
      - object: firewall.o            # beside this file
        program: firewall             # or section:; without: the one that is clearly meant
        priority: 10                  # lower runs first; without: what the object says (XDP_RUN_CONFIG), else 50
        chain_call_actions: [XDP_PASS]  # go on with these verdicts; without: what the object says, else XDP_PASS
    objects: [parsers.o]              # further objects, whose programs are for arrays of programs
    slots: {jumps: {0: parse_v6, 1: [parse_v4, skip]}}  # as --slot: the first at the start, the others for the host
    shared_maps: [flows]              # one map in all objects that have it; maps pinned by name are it anyway

Paths name one object each, however often: its programs share its maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..hdl.errors import InputError
from . import elf, yaml_file
from .chain import with_slot
from .dispatcher import ACTIONS, DEFAULT_ACTIONS, DEFAULT_PRIORITY, Link, dispatched, run_configuration
from .merge import merged
from .spec import ObjectSpec, ProgramSpec

SUFFIXES = (".yaml", ".yml")

_KEYS = {"name", "programs", "objects", "slots", "shared_maps"}
_PROGRAM_KEYS = {"object", "program", "section", "priority", "chain_call_actions"}


def load(path: str | Path) -> ObjectSpec:
    """An object (`codegen.elf.load`) or a chain, by the suffix. Raises `InputError`."""
    path = Path(path)
    return load_chain(path) if path.suffix in SUFFIXES else elf.load(path)


def files(path: Path) -> tuple[Path, ...]:
    """The file, and the objects that a chain names."""
    if path.suffix not in SUFFIXES:
        return (path,)
    return (path, *_Chain(path).paths)


def load_chain(path: Path) -> ObjectSpec:
    """The objects of a chain as one, whose ``main`` is the chain itself. Raises `InputError`."""
    chain = _Chain(path)
    objects = {short: elf.load(found) for short, found in zip(chain.shorts, chain.paths, strict=True)}
    spec, names = merged(str(path), objects, chain.shared)
    programs = {program.name: program for program in spec.programs}
    links = []
    for where, entry, short in chain.programs:
        chosen = _chosen(where, objects[short], entry)
        priority, actions = run_configuration(objects[short].btf, chosen.name)
        links.append(
            Link(
                programs[names[short][chosen.name]],
                entry.get("priority", DEFAULT_PRIORITY if priority is None else priority),
                tuple(entry.get("chain_call_actions", DEFAULT_ACTIONS if actions is None else actions)),
            )
        )
    if chain.name in programs:
        raise InputError(f"{path}: the chain is called {chain.name} as one of its programs: give it another name")
    whole = dispatched(chain.name, links)
    spec = ObjectSpec(spec.path, (whole, *spec.programs), spec.maps, spec.license, None, spec.variables, whole.name)
    for array, index, held in chain.slots:
        spec = with_slot(spec, array, index, held)
    return spec


def _chosen(where: str, spec: ObjectSpec, entry: Mapping[str, Any]) -> ProgramSpec:
    """The program of an object that an entry names."""
    try:
        found = elf.select(spec, entry.get("program"), entry.get("section"))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return found.parts[0]


class _Chain:
    """What the file says, checked as far as that is possible without the objects."""

    def __init__(self, path: Path) -> None:
        self._path = path
        content = _read(path)
        self._known(content, _KEYS, "a chain")
        self.name = self._text(content.get("name", path.stem), "name")
        self.shared = [self._text(name, "shared_maps") for name in self._list(content, "shared_maps")]
        entries = self._list(content, "programs")
        if not entries:
            raise self._error("programs: name at least one: [{object: FILE}]")
        others = [self._text(name, "objects") for name in self._list(content, "objects")]
        self.paths: list[Path] = []
        self.shorts: list[str] = []
        self.programs = [self._program(number, entry) for number, entry in enumerate(entries, 1)]
        for name in others:
            self._object(name)
        self.slots = list(self._slots(content.get("slots") or {}))

    def _program(self, number: int, entry: Any) -> tuple[str, Mapping[str, Any], str]:
        where = f"program {number}"
        if not isinstance(entry, dict) or "object" not in entry:
            raise self._error(f"{where}: it is written {{object: FILE, program: NAME, priority: NUMBER}}")
        self._known(entry, _PROGRAM_KEYS, where)
        for key in ("object", "program", "section"):
            if key in entry:
                self._text(entry[key], f"{where}, {key}")
        priority = entry.get("priority", 0)
        if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority < 1 << 31:
            raise self._error(f"{where}, priority: {priority!r} is no number from 0 to {(1 << 31) - 1}")
        for action in self._list(entry, "chain_call_actions"):
            if action not in ACTIONS:
                raise self._error(f"{where}, chain_call_actions: {action!r} is none of {', '.join(ACTIONS)}")
        return f"{self._path}: {where}", entry, self._object(entry["object"])

    def _object(self, name: str) -> str:
        """The short name of an object."""
        path = self._path.parent / name
        if not path.is_file():
            raise self._error(f"object {path}: no such file")
        if path not in self.paths:
            stem = path.name.split(".")[0]
            taken = sum(short.rstrip("0123456789") == stem for short in self.shorts)
            self.paths.append(path)
            self.shorts.append(f"{stem}{taken + 1}" if taken else stem)
        return self.shorts[self.paths.index(path)]

    def _slots(self, arrays: Any) -> Iterator[tuple[str, int, tuple[str, ...]]]:
        form = "slots: written {MAP: {INDEX: PROGRAM or [PROGRAM, ...]}}"
        if not isinstance(arrays, dict):
            raise self._error(form)
        for array, slots in arrays.items():
            if not isinstance(slots, dict):
                raise self._error(form)
            for index, held in slots.items():
                names = held if isinstance(held, list) else [held]
                if not isinstance(index, int) or index < 0 or not names or not all(isinstance(n, str) for n in names):
                    raise self._error(form)
                yield str(array), index, tuple(names)

    def _list(self, content: Mapping[str, Any], key: str) -> list[Any]:
        found = content.get(key)
        if found is not None and not isinstance(found, list):
            raise self._error(f"{key}: {found!r} is no list")
        return found or []

    def _text(self, found: Any, what: str) -> str:
        if not isinstance(found, str) or not found:
            raise self._error(f"{what}: {found!r} is no name")
        return found

    def _known(self, content: Mapping[Any, Any], keys: set[str], what: str) -> None:
        for key in content:
            if key not in keys:
                raise self._error(f"{what} has no {key!r}; it may have {', '.join(sorted(keys))}")

    def _error(self, message: str) -> InputError:
        return InputError(f"{self._path}: {message}")


def _read(path: Path) -> Mapping[Any, Any]:
    content = yaml_file.read(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: a chain is written {{programs: [{{object: FILE}}, ...]}}")
    return content
