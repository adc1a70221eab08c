"""Routes, neighbours and devices as tables of the hardware, for bpf_fib_lookup and bpf_check_mtu.

All numbers are little-endian but for addresses, which lie as they do in frames. The host writes the tables (from what
``ip -j`` says: `hardpath.sim.fib`); each entry of a route table is the route that Linux would take for the prefix.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from ..maps.linux import BPF_F_NO_PREALLOC
from .tables import Table

AF_INET, AF_INET6 = 2, 10
_HASH, _LPM_TRIE = 1, 11


class Result(IntEnum):
    """What bpf_fib_lookup returns (BPF_FIB_LKUP_RET_* in include/uapi/linux/bpf.h)."""

    SUCCESS = 0
    BLACKHOLE = 1
    UNREACHABLE = 2
    PROHIBIT = 3
    NOT_FWDED = 4
    FWD_DISABLED = 5
    UNSUPP_LWT = 6
    NO_NEIGH = 7
    FRAG_NEEDED = 8


@dataclass(frozen=True, slots=True)
class Device:
    """A network interface: ``mtu`` and ``header`` (of the link layer) in bytes, whether it forwards what comes in."""

    mtu: int
    header: int = 14
    forwards4: bool = False
    forwards6: bool = False

    _LAYOUT = struct.Struct("<IHBx")
    SIZE = _LAYOUT.size
    MTU, HEADER, FORWARDS = 0, 4, 6
    """Offsets of the fields; bit 0 of the last is for IPv4, bit 1 for IPv6."""

    @property
    def mtu4(self) -> int:
        """MTU of IPv4 routes over it that have none of their own (ip_mtu_from_fib_result)."""
        return min(self.mtu, 0xFFFF)

    @property
    def mtu6(self) -> int:
        """The same of IPv6 (ip6_mtu_from_fib6)."""
        return min(max(self.mtu, 1280), 0xFFFF + 40)

    def pack(self) -> bytes:
        return self._LAYOUT.pack(self.mtu, self.header, self.forwards4 | self.forwards6 << 1)

    @classmethod
    def unpack(cls, value: bytes | bytearray) -> Self:
        mtu, header, forwards = cls._LAYOUT.unpack(value)
        return cls(mtu, header, bool(forwards & 1), bool(forwards & 2))


@dataclass(frozen=True, slots=True)
class Route:
    """Where frames for a prefix go: ``result`` is SUCCESS if anywhere, otherwise the rest does not count.

    ``gateway``: 4 or 16 bytes, none if the destination is on the link. ``mtu``: in bytes, of packets on this route.
    """

    result: int
    ifindex: int = 0
    metric: int = 0
    mtu: int = 0
    gateway: bytes = b""

    _LAYOUT = struct.Struct("<BBxxIII16s")
    SIZE = _LAYOUT.size
    RESULT, FAMILY, IFINDEX, METRIC, MTU, GATEWAY = 0, 1, 4, 8, 12, 16
    """Offsets of the fields; FAMILY is that of the gateway, 0 without one."""

    @property
    def family(self) -> int:
        return {0: 0, 4: AF_INET, 16: AF_INET6}[len(self.gateway)]

    def pack(self) -> bytes:
        return self._LAYOUT.pack(self.result, self.family, self.ifindex, self.metric, self.mtu, self.gateway)

    @classmethod
    def unpack(cls, value: bytes | bytearray) -> Self:
        result, family, ifindex, metric, mtu, gateway = cls._LAYOUT.unpack(value)
        return cls(result, ifindex, metric, mtu, gateway[: {AF_INET: 4, AF_INET6: 16}.get(family, 0)])


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Who has an address on a link: the MAC addresses of our interface and of the neighbour, 6 bytes each."""

    source: bytes
    destination: bytes

    SIZE = 12

    def pack(self) -> bytes:
        return self.source + self.destination

    @classmethod
    def unpack(cls, value: bytes | bytearray) -> Self:
        return cls(bytes(value[:6]), bytes(value[6:]))


NEIGHBOUR_KEY = struct.Struct("<IHxx16s")
"""Interface, family, and address, IPv4 in the first 4 bytes."""

DEVICES = Table("fib.devices", _HASH, 4, Device.SIZE, 64, "interfaces by number: MTU, and whether they forward")
IPV4 = Table("fib.ipv4", _LPM_TRIE, 8, Route.SIZE, 256, "routes of IPv4", BPF_F_NO_PREALLOC)
IPV4_OUTPUT = Table(
    "fib.ipv4_output", _LPM_TRIE, 12, Route.SIZE, 256, "routes of IPv4 over a given interface", BPF_F_NO_PREALLOC
)
IPV6 = Table("fib.ipv6", _LPM_TRIE, 20, Route.SIZE, 256, "routes of IPv6, of the main table", BPF_F_NO_PREALLOC)
IPV6_LOCAL = Table("fib.ipv6_local", _HASH, 16, 4, 64, "IPv6 addresses of this host, which come before routes")
NEIGHBOURS = Table("fib.neighbours", _HASH, NEIGHBOUR_KEY.size, Neighbour.SIZE, 256, "MAC addresses of neighbours")

TABLES = (DEVICES, IPV4, IPV4_OUTPUT, IPV6, IPV6_LOCAL, NEIGHBOURS)


def device_key(ifindex: int) -> bytes:
    """Key of `DEVICES`."""
    return ifindex.to_bytes(4, "little")


def route_key(prefix: bytes, length: int) -> bytes:
    """Key of `IPV4` or `IPV6`: an address of 4 or 16 bytes and the number of its bits that count."""
    return length.to_bytes(4, "little") + prefix


def output_key(ifindex: int, prefix: bytes, length: int) -> bytes:
    """Key of `IPV4_OUTPUT`: the interface, then an address of which so many bits count."""
    return route_key(device_key(ifindex) + prefix, 32 + length)


def neighbour_key(ifindex: int, address: bytes) -> bytes:
    """Key of `NEIGHBOURS`: an address of 4 or 16 bytes on the link of an interface."""
    return NEIGHBOUR_KEY.pack(ifindex, AF_INET if len(address) == 4 else AF_INET6, address)
