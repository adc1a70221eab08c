"""Random routing tables, and lookups that hit them: for the tests of bpf_fib_lookup."""

import struct
from dataclasses import replace

from hardpath.hdl.helpers import fib
from hardpath.hdl.helpers.fib import Device, Neighbour, Result, Route

LOOKUP = struct.Struct("<BBHHHI4s16s16sHH6s6s")
"""struct bpf_fib_lookup."""
ERRORS = (Result.BLACKHOLE, Result.UNREACHABLE, Result.PROHIBIT, Result.NOT_FWDED)


def random_tables(rng):
    """Contents of all tables that Linux can have too: interfaces 1 to 6, prefixes that nest, two families."""
    devices = {1: Device(65536, forwards4=rng.random() < 0.7, forwards6=rng.random() < 0.7)}
    for ifindex in range(2, rng.randint(3, 7)):
        mtu = rng.choice((1500, 1500, 1400, 1280, 576, 9000, 68))
        devices[ifindex] = Device(mtu, 14, rng.random() < 0.8, rng.random() < 0.8 and mtu >= 1280)
    macs = {ifindex: bytes((2, 0, 0, 0, 0, ifindex)) for ifindex in devices if ifindex != 1} | {1: bytes(6)}
    gateways4 = [bytes((192, 168, ifindex, 1)) for ifindex in devices]
    gateways6 = [b"\xfe\x80" + bytes(13) + bytes((ifindex,)) for ifindex in devices]
    routes4 = {}
    for prefix, length in _prefixes(rng, 4, rng.randint(0, 12)):
        routes4[prefix, length] = _route(rng, devices, gateways4, gateways6, 4)
    routes6 = {}
    for prefix, length in _prefixes(rng, 16, rng.randint(0, 12)):
        routes6[prefix, length] = _route(rng, devices, [], gateways6, 16)
    local6 = [_address(rng, 16) for _ in range(rng.randint(0, 2))]
    hops = [_address(rng, rng.choice((4, 16))) for _ in range(12)] + gateways4 + gateways6
    neighbours = {}
    for address in hops:
        ifindex = rng.choice([i for i in devices if i != 1])
        if rng.random() < 0.8 and (len(address) == 4 or devices[ifindex].mtu >= 1280):
            entry = Neighbour(macs[ifindex], b"\x02" + rng.randbytes(5))
            neighbours[fib.neighbour_key(ifindex, address)] = entry.pack()
    others4 = {}  # over other interfaces, with larger metrics
    for (prefix, length), best in routes4.items():
        other = _route(rng, devices, gateways4, gateways6, 4)
        if not best.result and not other.result and other.ifindex != best.ifindex and rng.random() < 0.7:
            others4[prefix, length] = replace(other, metric=best.metric + 7)
    output = {}
    for (prefix, length), route in [*others4.items(), *routes4.items()]:
        for ifindex in devices if route.result else [route.ifindex]:
            output[fib.output_key(ifindex, prefix, length)] = route.pack()
    contents = {
        "fib.devices": {fib.device_key(i): device.pack() for i, device in devices.items()},
        "fib.ipv4": {fib.route_key(*key): route.pack() for key, route in routes4.items()},
        "fib.ipv4_output": output,
        "fib.ipv6": {fib.route_key(*key): route.pack() for key, route in routes6.items()},
        "fib.ipv6_local": {address: bytes(4) for address in local6},
        "fib.neighbours": neighbours,
    }
    return contents, hops + local6


def _address(rng, size):
    """Few different ones, so that prefixes nest and lookups hit."""
    if size == 4:
        return bytes((10, rng.randrange(2), rng.choice((0, 1, 128)), rng.choice((0, 1, 2, 129))))
    return bytes.fromhex("20010db8") + bytes((0, rng.randrange(2))) + bytes(9) + bytes((rng.randrange(1, 5),))


def _prefixes(rng, size, count):
    lengths = (0, 8, 9, 15, 16, 23, 24, 25, 31, 32) if size == 4 else (0, 32, 47, 48, 64, 127, 128)
    for _ in range(count):
        length = rng.choice(lengths)
        bits = 8 * size
        kept = int.from_bytes(_address(rng, size), "big") >> bits - length << bits - length
        yield kept.to_bytes(size, "big"), length


def _route(rng, devices, gateways4, gateways6, size):
    if rng.random() < 0.25:
        return Route(rng.choice(ERRORS))
    ifindex = rng.choice([i for i in devices if i != 1])
    device = devices[ifindex]
    if size == 16 and device.mtu < 1280:
        return Route(Result.BLACKHOLE)
    mtu = device.mtu4 if size == 4 else device.mtu6
    if rng.random() < 0.3:
        mtu = rng.choice((1300, 1450, 2000))
    chosen = rng.random()
    via6 = chosen < 0.3 and device.mtu >= 1280
    gateway = rng.choice(gateways6) if via6 else rng.choice(gateways4) if gateways4 and chosen < 0.6 else b""
    return Route(Result.SUCCESS, ifindex, rng.choice((0, 100, 1024)) or (1024 if size == 16 else 0), mtu, gateway)


def random_lookup(rng, contents, addresses):
    """The bytes of a struct bpf_fib_lookup: mostly a sensible one, with rests of memory where nothing belongs."""
    devices = {int.from_bytes(key, "little"): Device.unpack(v) for key, v in contents["fib.devices"].items()}
    forwarding = [ifindex for ifindex, device in devices.items() if device.forwards4 or device.forwards6]
    family = rng.choice((2, 10) * 12 + (7, 0))
    special = [bytes.fromhex("fe80") + rng.randbytes(14), bytes.fromhex("ff02") + bytes(14), bytes(15) + b"\1"]
    size = 16 if family == 10 else 4
    known = [a for a in addresses if len(a) == size] or [bytes(size)]
    target = rng.choice([rng.choice(known)] * 3 + [_address(rng, size)] * 3 + [rng.randbytes(size)])
    source = _address(rng, size)
    if family == 10 and rng.random() < 0.15:
        target, source = rng.sample([rng.choice(special), target], 2)
    target = target if family == 10 else target + rng.randbytes(12)
    ifindex = rng.choice([*forwarding * 4, *range(1, 8), rng.getrandbits(32)])
    length = rng.choice((0, 0, 0, 60, 60, 60, 68, 69, 577, 1280, 1281, 1300, 1301, 1400, 1401, 1500, 1501, 9001, 65535))
    return LOOKUP.pack(
        family, rng.randrange(256), rng.getrandbits(16), rng.getrandbits(16), length, ifindex, bytes(4),
        source.ljust(16, b"\0"), target, rng.getrandbits(16), rng.getrandbits(16), rng.randbytes(6), rng.randbytes(6),
    )  # fmt: skip
