"""A host program's view of a device: ``with connect("control.sock") as device: device.maps["flows"].lookup(...)``.

The transport is whatever carries transfers on the control bus: here the socket of a running simulation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType

from ..codegen.chain_file import files, load
from ..codegen.flow import Design
from ..codegen.inner_maps import maps_of_maps
from ..codegen.spec import MapSpec
from ..hdl.errors import HardpathError
from ..hdl.maps.slot_table import SlotTable
from ..sim.control_client import ControlClient, Transport
from .control_socket import About, SocketTransport
from .host_maps import Constant, HostMap

_ARRAY = 2


class Device:
    """A device behind a transport. ``about``: what it was built from, as far as known; where its object is still the
    same file, its types are those of the maps."""

    def __init__(self, transport: Transport, about: About | None = None) -> None:
        self.client = ControlClient(transport)
        self.about = about

    @cached_property
    def maps(self) -> dict[str, HostMap]:
        """The maps by name, read-only data included."""
        about = self.about or About("", "", self.client.program)
        types = self._object_maps(about)
        found: dict[str, HostMap] = {}
        for name, raw in self.client.maps.items():
            spec = types.get(name) or MapSpec(name, 0, raw.key_size, raw.value_size, 0)
            for what, number in {**raw.facts, **about.maps.get(name, {})}.items():
                spec = replace(spec, **{what: number})  # type: ignore[arg-type]
            if about.inner_maps and name in maps_of_maps({name: spec}):
                spec = replace(spec, table=SlotTable(about.inner_maps))
            found[name] = HostMap(spec, raw, about.programs)
        for name, contents in about.constants.items():
            value = bytes.fromhex(contents)
            spec = types.get(name) or MapSpec(name, _ARRAY, 4, len(value), 1, readonly=True)
            found[name] = HostMap(spec, Constant(value))
        return found

    @staticmethod
    def _object_maps(about: About) -> Mapping[str, MapSpec]:
        """The maps of the object with their types; none if it is not there any more, or another."""
        path = Path(about.object)
        try:
            if about.object and fingerprint(path) == about.fingerprint:
                return load(path).maps
        except (OSError, HardpathError):
            pass
        return {}


class Connection(Device):
    """A `Device` on a socket; a context manager that leaves at its end."""

    def __init__(self, path: str | Path) -> None:
        self._transport = SocketTransport(path)
        super().__init__(self._transport, self._transport.about())

    def stop(self) -> None:
        """End the simulation: it takes no more frames, writes its results and ends."""
        self._transport.stop()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()


def connect(path: str | Path) -> Connection:
    """The device of a running simulation (``hardpath sim ... --control PATH``). Raises `InputError`."""
    return Connection(path)


def about(object: Path, design: Design, programs: tuple[str, ...]) -> About:
    """What `ControlServer` tells of a design. ``programs``: of the object, by number - 1."""
    outers = maps_of_maps(design.maps)
    return About(
        object=str(object.absolute()),
        fingerprint=fingerprint(object),
        program=design.program.name,
        programs=programs,
        inner_maps=next((table.names for name in outers if (table := design.maps[name].table)), ()),
        maps={
            name: {"type": spec.type, "max_entries": spec.max_entries, "flags": spec.flags}
            for name, spec in design.maps.items()
        },
        constants={
            name: (spec.initial or b"").ljust(spec.value_size, b"\0").hex() for name, spec in design.constants.items()
        },
    )


def fingerprint(path: Path) -> str:
    """SHA-256 of an object, or of a chain and all its objects."""
    return hashlib.sha256(b"".join(hashlib.sha256(each.read_bytes()).digest() for each in files(path))).hexdigest()
