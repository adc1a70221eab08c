"""Entries of the tables in `hdl.helpers.fib` that a Linux can have, for the keys that a program asks for."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..hdl.helpers import fib
from ..hdl.helpers.fib import Device, Neighbour, Result, Route

PORTS = range(1, 5)
_MTU = 1500
_FAILURES = (Result.BLACKHOLE, Result.UNREACHABLE, Result.PROHIBIT, Result.NOT_FWDED)
_METRICS = {4: 0, 16: 1024}


def _device(rng: random.Random, key: bytes) -> bytes:
    return Device(_MTU, forwards4=rng.random() < 0.9, forwards6=rng.random() < 0.9).pack()


def _route(rng: random.Random, key: bytes) -> bytes:
    """Mostly one that leads somewhere; gateways have addresses that no route is asked for."""
    size = len(key) - 4
    if rng.random() < 0.2:
        return Route(rng.choice(_FAILURES)).pack()
    port = rng.choice(PORTS[1:])
    gateways = [b"", bytes((192, 168, port, 254)) if size == 4 else b"\xfe\x80" + bytes(13) + bytes((port,))]
    return Route(Result.SUCCESS, port, _METRICS[size], rng.choice((_MTU, _MTU, 1400)), rng.choice(gateways)).pack()


def _route_over(rng: random.Random, key: bytes) -> bytes:
    """A route of `IPV4_OUTPUT`: over the interface that its key says. (One that leads nowhere would be for all.)"""
    ifindex = int.from_bytes(key[4:8], "little")
    gateway = rng.choice((b"", bytes((192, 168, ifindex & 0xFF, 254))))
    return Route(Result.SUCCESS, ifindex, 0, rng.choice((_MTU, _MTU, 1400)), gateway).pack()


def _neighbour(rng: random.Random, key: bytes) -> bytes:
    ifindex, _, _ = fib.NEIGHBOUR_KEY.unpack(key)
    return Neighbour(b"\x02" + bytes(4) + bytes((ifindex & 0xFF,)), b"\x06" + rng.randbytes(5)).pack()


VALUES: Mapping[str, Callable[[random.Random, bytes], bytes]] = MappingProxyType(
    {
        fib.DEVICES.name: _device,
        fib.IPV4.name: _route,
        fib.IPV4_OUTPUT.name: _route_over,
        fib.IPV6.name: _route,
        fib.IPV6_LOCAL.name: lambda rng, key: bytes(4),
        fib.NEIGHBOURS.name: _neighbour,
    }
)
"""Table name -> what makes a value for a key."""

ALWAYS: Mapping[str, tuple[bytes, ...]] = MappingProxyType({fib.DEVICES.name: tuple(map(fib.device_key, PORTS))})
"""Keys that a table has in any case; others it has none of."""
