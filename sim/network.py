"""A network namespace of Linux with the interfaces, routes and neighbours that tables say (`hdl.helpers.fib`).

Interfaces are veth devices of the same numbers; number 1 is the loopback, as everywhere. What Linux cannot have as the
tables say it raises `InputError`.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ..hdl.errors import InputError
from ..hdl.helpers import fib
from ..hdl.helpers.fib import AF_INET, AF_INET6, Device, Neighbour, Result, Route
from . import bpf_syscall as bpf
from . import rtnetlink as rt
from .rtnetlink import attribute

LOOPBACK = 1
_CLONE_NEWNET = 0x40000000
_PEER = 1 << 20  # the other ends have the numbers from here on
_ETHERNET = 14
_LEAST_IPV6_MTU = 1280
_MAIN, _LOCAL = 254, 255
_UNICAST, _RTN_LOCAL = 1, 2
_TYPES = {Result.BLACKHOLE: 6, Result.UNREACHABLE: 7, Result.PROHIBIT: 8, Result.NOT_FWDED: 9}
"""Route types (RTN_*) that make bpf_fib_lookup return these."""

_PASS = bytes.fromhex("b700000002000000 9500000000000000")  # r0 = XDP_PASS; exit


@functools.cache
def unavailable() -> str | None:
    """Why there can be no `Network` here, in one line; None if there can."""
    try:
        with Network():
            return None
    except InputError as error:
        return str(error)


class Network:
    """A context manager: the calling thread is in a new namespace while it is open.

    Entries of tables come with `set`; `build` puts routes and neighbours into Linux. ``asked``: tables that
    are looked up though they may be empty.
    """

    def __init__(self, asked: Collection[str] = ()) -> None:
        self._asked = asked
        self._tables: dict[str, dict[bytes, bytes]] = {table.name: {} for table in fib.TABLES}
        self._interfaces: dict[int, Device] = {}
        self._receiving: set[int] = set()
        self._built = False

    def __enter__(self) -> Network:
        with ExitStack() as stack:
            self._enter_namespace(stack)
            self._socket = rt.RouteSocket()
            stack.callback(self._socket.close)
            _write("ipv6/conf/default/addr_gen_mode", "1")  # no addresses, hence no routes, of its own
            self._request(rt.NEW_LINK, 0, rt.link(LOOPBACK, rt.IFF_UP))
            for family, address, bits in ((AF_INET, b"\x7f\0\0\1", 8), (AF_INET6, bytes(15) + b"\1", 128)):
                parts = attribute(rt.IFA_LOCAL, address), attribute(rt.IFA_ADDRESS, address)
                self._request(rt.DELETE_ADDRESS, 0, rt.address(family, bits, LOOPBACK), *parts)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @staticmethod
    def _enter_namespace(stack: ExitStack) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, before)
        if libc.unshare(_CLONE_NEWNET):
            error = os.strerror(ctypes.get_errno())
            raise InputError(f"Linux cannot be asked about routes: unshare(2) says {error}: run as root")
        stack.callback(libc.setns, before, _CLONE_NEWNET)

    def set(self, name: str, key: bytes, value: bytes) -> None:
        """An entry of a table. Raises `InputError` for what Linux cannot have, and after `build`."""
        if self._built:
            raise InputError(f"{name} cannot change any more once Linux has run a frame")
        self._tables[name][key] = value
        if name == fib.DEVICES.name:
            self.interface(int.from_bytes(key, "little"), Device.unpack(value))

    def entries(self, name: str) -> Mapping[bytes, bytes]:
        """What a table holds."""
        return dict(self._tables[name])

    def interface(self, ifindex: int, device: Device | None = None) -> None:
        """Have an interface of a number, like ``device`` if given."""
        if device is not None and device.header != _ETHERNET:
            raise InputError(f"fib.devices: interface {ifindex} has link headers of {device.header} bytes; "
                             f"Linux is asked with Ethernet, which has {_ETHERNET}")  # fmt: skip
        if ifindex not in self._interfaces and ifindex != LOOPBACK:
            if not 0 < ifindex < _PEER:
                raise InputError(f"interface {ifindex} cannot be made: give numbers from 1 to {_PEER - 1}")
            peer = rt.link(_PEER + ifindex) + attribute(rt.IFLA_IFNAME, f"peer{ifindex}\0".encode())
            veth = attribute(rt.IFLA_INFO_KIND, b"veth") + attribute(
                rt.IFLA_INFO_DATA, attribute(rt.VETH_INFO_PEER, peer)
            )
            self._request(
                rt.NEW_LINK, rt.CREATE | rt.EXCLUSIVE, rt.link(ifindex),
                attribute(rt.IFLA_IFNAME, f"{_name(ifindex)}\0".encode()), attribute(rt.IFLA_LINKINFO, veth),
            )  # fmt: skip
            for end in (ifindex, _PEER + ifindex):
                self._request(rt.NEW_LINK, 0, rt.link(end, rt.IFF_UP))
        self._interfaces.setdefault(ifindex, Device(1500))
        if device is None:
            return
        if device.forwards6 and device.mtu < _LEAST_IPV6_MTU:
            raise InputError(f"fib.devices: interface {ifindex} forwards IPv6 with an MTU of {device.mtu} bytes; "
                             f"Linux wants {_LEAST_IPV6_MTU} at least")  # fmt: skip
        self._request(rt.NEW_LINK, 0, rt.link(ifindex), attribute(rt.IFLA_MTU, device.mtu))
        _write(f"ipv4/conf/{_name(ifindex)}/forwarding", str(int(device.forwards4)))
        if device.mtu >= _LEAST_IPV6_MTU:
            _write(f"ipv6/conf/{_name(ifindex)}/forwarding", str(int(device.forwards6)))
        self._interfaces[ifindex] = device

    def sent(self) -> dict[int, int]:
        """Packets that have arrived at the other end of each interface."""
        lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
        table = (line.partition(":") for line in lines)
        received = {name.strip(): int(figures.split()[1]) for name, _, figures in table}
        return {number: received[f"peer{number}"] for number in self._interfaces if number != LOOPBACK}

    def receive(self, ifindex: int) -> None:
        """Have frames come in on an interface: BPF_PROG_TEST_RUN wants one with an XDP program."""
        if ifindex != LOOPBACK:
            self.interface(ifindex)
            self._attach(ifindex)

    def count(self) -> None:
        """Have the other ends take frames that XDP programs send (they need programs, too), for `sent`."""
        for number in self._interfaces:
            if number != LOOPBACK:
                self._attach(_PEER + number)

    def _attach(self, ifindex: int) -> None:
        if ifindex in self._receiving:
            return
        program = bpf.prog_load(_PASS, "pass", "GPL", bpf.XDP_HAS_FRAGS)
        try:
            self._stack.callback(os.close, bpf.xdp_attach(program, ifindex))
        finally:
            os.close(program)
        self._receiving.add(ifindex)

    def build(self) -> None:
        """Put neighbours and routes into Linux, once."""
        if self._built:
            return
        self._built = True
        devices = self._tables[fib.DEVICES.name]
        if any(self._tables.values()) and fib.device_key(LOOPBACK) not in devices:
            raise InputError("fib.devices lacks interface 1, the loopback, which every Linux has")
        self._neighbours()
        for address in self._tables[fib.IPV6_LOCAL.name]:
            self._route(_LOCAL, address, 128, _RTN_LOCAL, Route(0, LOOPBACK))
        routes = [(*_prefix(key), Route.unpack(value)) for key, value in self._tables[fib.IPV6.name].items()]
        routes += self._routes4()
        for _, _, route in routes:
            if route.result == Result.SUCCESS and fib.device_key(route.ifindex) not in devices:
                raise InputError(f"a route leads to interface {route.ifindex}, which fib.devices lacks")
        for prefix, length, route in sorted(routes, key=lambda each: bool(each[2].gateway), reverse=True):
            # A gateway must not be an address that another route says is elsewhere.
            self._route(_MAIN, prefix, length, _kind(route), route)

    def _routes4(self) -> list[tuple[bytes, int, Route]]:
        """The routes of IPv4 of which the one or the other table is made, or both."""
        asked = {*self._asked, *(name for name, entries in self._tables.items() if entries)}
        every = [(*_prefix(key), Route.unpack(value)) for key, value in self._tables[fib.IPV4.name].items()]
        over: dict[tuple[bytes, int], dict[int, Route]] = {}
        for key, value in self._tables[fib.IPV4_OUTPUT.name].items():
            prefix, length = _prefix(key)
            ifindex = int.from_bytes(prefix[:4], "little")
            if length < 32:
                raise InputError("fib.ipv4_output has a route whose interface is not given in full")
            over.setdefault((prefix[4:], length - 32), {})[ifindex] = Route.unpack(value)
        if fib.IPV4_OUTPUT.name not in asked:
            return every
        routes = [(*prefix, route) for prefix, routes in over.items() for route in self._of_prefix(*prefix, routes)]
        if fib.IPV4.name in asked:
            best = {(prefix, length): route for prefix, length, route in reversed(routes)}
            if {(prefix, length): route for prefix, length, route in every} != best:
                raise InputError("no Linux has both fib.ipv4 and fib.ipv4_output as they are")
        return routes

    def _of_prefix(self, prefix: bytes, length: int, over: Mapping[int, Route]) -> list[Route]:
        """The routes for a prefix, the one that Linux prefers first: by metric, then what leads nowhere."""
        routes: list[Route] = []
        for ifindex, route in over.items():
            if route.result == Result.SUCCESS and route.ifindex != ifindex:
                raise InputError(f"fib.ipv4_output has a route over interface {ifindex} that leads to {route.ifindex}")
            routes += [route] if route.result == Result.SUCCESS else []
        routes.sort(key=lambda route: route.metric)
        nowhere = {route for route in over.values() if route.result != Result.SUCCESS}
        if len(nowhere) > 1 or (nowhere and over.keys() != self._interfaces.keys()):
            raise InputError(f"fib.ipv4_output says of {prefix.hex()}/{length} that it leads nowhere, "
                             "but not in one way for all interfaces")  # fmt: skip
        last = routes[-1].metric + 1 if routes else 0
        return routes + [replace(route, metric=last) for route in nowhere]

    def _neighbours(self) -> None:
        """MAC addresses of our interfaces come first: a change makes Linux forget the neighbours."""
        entries = [
            (fib.NEIGHBOUR_KEY.unpack(key), Neighbour.unpack(value))
            for key, value in self._tables[fib.NEIGHBOURS.name].items()
        ]
        ours: dict[int, bytes] = {}
        for (ifindex, _, _), macs in entries:
            if ours.setdefault(ifindex, macs.source) != macs.source:
                raise InputError(f"fib.neighbours gives interface {ifindex} two MAC addresses")
        for ifindex, mac in ours.items():
            self.interface(ifindex)
            if ifindex != LOOPBACK:
                self._request(rt.NEW_LINK, 0, rt.link(ifindex), attribute(rt.IFLA_ADDRESS, mac))
        for (ifindex, family, address), macs in entries:
            size = 4 if family == AF_INET else 16
            parts = attribute(rt.NDA_DST, address[:size]), attribute(rt.NDA_LLADDR, macs.destination)
            self._request(rt.NEW_NEIGHBOUR, rt.CREATE, rt.neighbour(family, ifindex, rt.NUD_PERMANENT), *parts)

    def _route(self, table: int, prefix: bytes, length: int, kind: int, route: Route) -> None:
        family, bits = (AF_INET if len(prefix) == 4 else AF_INET6), 8 * len(prefix)
        kept = int.from_bytes(prefix, "big") >> bits - length << bits - length
        parts = [attribute(rt.RTA_TABLE, table), attribute(rt.RTA_PRIORITY, route.metric)]
        parts.append(attribute(rt.RTA_DST, kept.to_bytes(len(prefix), "big")))
        flags, scope = 0, rt.RT_SCOPE_UNIVERSE
        if kind == _RTN_LOCAL:
            scope = rt.RT_SCOPE_HOST
        if kind in (_UNICAST, _RTN_LOCAL):
            parts.append(attribute(rt.RTA_OIF, route.ifindex))
        if kind == _UNICAST:
            device = self._interfaces[route.ifindex]
            if route.mtu != (device.mtu4 if family == AF_INET else device.mtu6):
                locked = attribute(rt.RTAX_LOCK, 1 << rt.RTAX_MTU) + attribute(rt.RTAX_MTU, route.mtu)
                parts.append(attribute(rt.RTA_METRICS, locked))
            flags = rt.RTNH_F_ONLINK if route.gateway else 0
            if not route.gateway:
                scope = rt.RT_SCOPE_LINK
            elif route.family == family:
                parts.append(attribute(rt.RTA_GATEWAY, route.gateway))
            else:
                parts.append(attribute(rt.RTA_VIA, route.family.to_bytes(2, "little") + route.gateway))
        message = rt.route(family, length, kind, scope, flags)
        try:
            self._request(rt.NEW_ROUTE, rt.CREATE | rt.EXCLUSIVE, message, *parts)
        except InputError as error:
            where = f"{kept.to_bytes(len(prefix), 'big').hex()}/{length}"
            raise InputError(f"Linux does not take the route for {where}: {error}") from None

    def _request(self, kind: int, flags: int, message: bytes, *attributes: bytes) -> None:
        try:
            self._socket.request(kind, flags, message, *attributes)
        except OSError as error:
            raise InputError(f"rtnetlink(7) says {error.strerror}") from None


def _prefix(key: bytes) -> tuple[bytes, int]:
    return key[4:], int.from_bytes(key[:4], "little")


def _kind(route: Route) -> int:
    return _UNICAST if route.result == Result.SUCCESS else _TYPES[Result(route.result)]


def _name(ifindex: int) -> str:
    return "lo" if ifindex == LOOPBACK else f"port{ifindex}"


def _write(path: str, value: str) -> None:
    """A setting of the namespace."""
    try:
        Path("/proc/sys/net", path).write_text(value)
    except OSError as error:
        raise InputError(f"Linux cannot be asked about routes: /proc/sys/net/{path}: {error.strerror}") from None
