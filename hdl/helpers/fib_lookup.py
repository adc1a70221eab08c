"""bpf_fib_lookup for XDP (bpf_xdp_fib_lookup in net/core/filter.c, as of Linux 6.18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from ..maps.linux import EAFNOSUPPORT, EINVAL, ENODEV
from . import fib
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome, constant_size
from .fib import AF_INET, AF_INET6, Device, Neighbour, Result, Route
from .tables import Table
from .words import U64, unsigned

DIRECT, OUTPUT, SKIP_NEIGH, TBID, SRC, MARK = (1 << bit for bit in range(6))
"""BPF_FIB_LOOKUP_*. MARK matters to routing rules only, and the tables of the hardware have none."""
KNOWN = DIRECT | OUTPUT | SKIP_NEIGH | TBID | SRC | MARK

SIZE = 64
FAMILY, LENGTH, IFINDEX, METRIC, SOURCE, DESTINATION, VLAN, MACS = 0, 6, 8, 12, 16, 32, 48, 52
"""struct bpf_fib_lookup: its size, and where its fields are (tot_len and mtu_result are one, so are tos and
rt_metric). The MAC addresses are smac and dmac, as in `fib.Neighbour`."""

_WHY = {
    SRC: ("BPF_FIB_LOOKUP_SRC", "take the source address from a map"),
    TBID: ("BPF_FIB_LOOKUP_TBID", "use the main table"),
}


class FibLookup(HelperPlugin):
    """Looks up in the tables of `fib`, which the host fills: what Linux does in a network namespace without routing
    rules. Link-local, multicast and loopback IPv6 addresses are never forwarded."""

    id = 69
    name = "bpf_fib_lookup"
    summary = "route, neighbour and MTU from tables of the host (`fib.*`); flags 0, DIRECT, OUTPUT, SKIP_NEIGH, MARK"
    args = (Arg.CTX, Arg.INOUT_MEM, Arg.SIZE, Arg.SCALAR)
    frame_access = False
    constants = (3, 4)
    tables: tuple[Table, ...] = fib.TABLES

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-EAFNOSUPPORT, Result.FRAG_NEEDED),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        flags = args[3] & 0xFFFFFFFF
        if args[2] & 0xFFFFFFFF < SIZE or flags & ~KNOWN:
            return unsigned(-EINVAL)
        _refuse(flags)
        params = bytearray(machine.read(args[1], SIZE))
        result = _lookup(machine, params, flags)
        machine.write(args[1], bytes(params))
        return unsigned(result)

    def lower(self, call: CallLowering) -> Any:
        size = constant_size(call, 3, f"the size of the parameters of {self.name}")
        flags = call.constant_argument(4)
        if flags is None:
            raise Refused(f"the flags of {self.name} are no constant", "pass a constant")
        flags &= 0xFFFFFFFF
        if size < SIZE or flags & ~KNOWN:
            return call.const(-EINVAL & U64, 64)
        _refuse(flags)
        return _Lookup(call, flags).result


def _refuse(flags: int) -> None:
    """`Refused` if the tables do not hold what the flags ask for."""
    for flag, (name, remedy) in _WHY.items():
        if flags & flag and (flag != TBID or flags & DIRECT):  # without DIRECT, Linux does not look at TBID
            raise Refused(f"bpf_fib_lookup with {name}, which the tables of the hardware cannot answer", remedy)


def _lookup(machine: Machine, params: bytearray, flags: int) -> int:
    """The lookup; changes ``params``."""
    family = int.from_bytes(params[FAMILY : FAMILY + 1], "little")
    if family not in (AF_INET, AF_INET6):
        return -EAFNOSUPPORT
    size = 4 if family == AF_INET else 16
    source, destination = bytes(params[SOURCE : SOURCE + size]), bytes(params[DESTINATION : DESTINATION + size])
    if family == AF_INET6 and (_needs_strict(destination) or _needs_strict(source)):
        return Result.NOT_FWDED
    found = machine.table_entry(fib.DEVICES, bytes(params[IFINDEX : IFINDEX + 4]))
    if found is None:
        return -ENODEV
    device = Device.unpack(found)
    if not (device.forwards4 if family == AF_INET else device.forwards6):
        return Result.FWD_DISABLED
    if family == AF_INET6 and not flags & DIRECT and machine.table_entry(fib.IPV6_LOCAL, destination) is not None:
        return Result.NOT_FWDED
    if family == AF_INET6:  # Linux takes the interface for a preference only, among routes of one prefix and metric
        found = machine.table_entry(fib.IPV6, fib.route_key(destination, 128))
    elif flags & OUTPUT:
        ifindex = int.from_bytes(params[IFINDEX : IFINDEX + 4], "little")
        found = machine.table_entry(fib.IPV4_OUTPUT, fib.output_key(ifindex, destination, 32))
    else:
        found = machine.table_entry(fib.IPV4, fib.route_key(destination, 32))
    route = Route(Result.NOT_FWDED) if found is None else Route.unpack(found)
    if route.result:
        return route.result
    mtu = (route.mtu & 0xFFFF).to_bytes(2, "little")
    if int.from_bytes(params[LENGTH : LENGTH + 2], "little") > route.mtu:
        params[LENGTH : LENGTH + 2] = mtu
        return Result.FRAG_NEEDED
    params[IFINDEX : IFINDEX + 4] = route.ifindex.to_bytes(4, "little")
    params[METRIC : METRIC + 4] = route.metric.to_bytes(4, "little")
    if route.gateway:
        destination = route.gateway
        params[DESTINATION : DESTINATION + len(destination)] = destination
        if family == AF_INET:
            params[FAMILY] = route.family
    if not flags & SKIP_NEIGH:
        found = machine.table_entry(fib.NEIGHBOURS, fib.neighbour_key(route.ifindex, destination))
        if found is None:
            return Result.NO_NEIGH
        params[MACS : MACS + Neighbour.SIZE] = found
    params[VLAN : VLAN + 4] = bytes(4)
    if route.mtu:
        params[LENGTH : LENGTH + 2] = mtu
    return Result.SUCCESS


def _needs_strict(address: bytes) -> bool:
    """rt6_need_strict: multicast, link-local, loopback."""
    return (
        address[0] == 0xFF
        or (address[0] == 0xFE and address[1] & 0xC0 == 0x80)
        or int.from_bytes(address, "big") == 1
    )


class _Lookup:
    """The same as dataflow: all tables are asked where they can matter, and conditions choose among the answers."""

    def __init__(self, call: CallLowering, flags: int) -> None:
        self._call = call
        self._params = call.memory(2, SIZE)
        family = self._field(FAMILY, 1)
        self._v4, self._v6 = self._is(family, AF_INET), self._is(family, AF_INET6)
        known = self._or(self._v4, self._v6)
        strict = self._and(self._v6, self._or(self._needs_strict(DESTINATION), self._needs_strict(SOURCE)))

        go = self._and(call.predicate, known, self._not(strict))
        there, device = call.table_entry(fib.DEVICES, go, self._field(IFINDEX, 4))
        bits = [call.op("slice", 1, device, attr=8 * Device.FORWARDS + bit) for bit in (0, 1)]
        forwards = self._or(self._and(self._v4, bits[0]), self._and(self._v6, bits[1]))
        go = self._and(go, there, forwards)
        found, route = self._route(go, direct=bool(flags & DIRECT), output=bool(flags & OUTPUT))

        result = call.op("slice", 8, route, attr=8 * Route.RESULT)
        routed = self._and(found, self._is(result, Result.SUCCESS))
        mtu = self._of(route, Route.MTU, 4)
        too_long = call.op("ult", 1, mtu, call.op("zext", 32, self._field(LENGTH, 2)))
        cut = self._and(go, routed, too_long)
        go = self._and(go, routed, self._not(too_long))
        neighbour, macs = self._neighbour(go, route, skip=bool(flags & SKIP_NEIGH))

        outcomes = [
            (self._not(known), -EAFNOSUPPORT),
            (strict, Result.NOT_FWDED),
            (self._not(there), -ENODEV),
            (self._not(forwards), Result.FWD_DISABLED),
            (self._not(found), Result.NOT_FWDED),
            (self._not(routed), call.op("zext", 64, result)),
            (too_long, Result.FRAG_NEEDED),
            (self._not(neighbour), Result.NO_NEIGH),
        ]
        self.result = call.const(Result.SUCCESS, 64)
        for condition, outcome in reversed(outcomes):
            value = call.const(outcome & U64, 64) if isinstance(outcome, int) else outcome
            self.result = call.op("mux", 64, condition, value, self.result)
        self._store(go, self._and(go, neighbour), cut, route, mtu, macs)

    def _route(self, go: Any, direct: bool, output: bool) -> tuple[Any, Any]:
        """Whether there is a route, and its record."""
        call = self._call
        go4, go6 = self._and(go, self._v4), self._and(go, self._v6)
        local = call.const(0, 1)
        if not direct:
            local, _ = call.table_entry(fib.IPV6_LOCAL, go6, self._field(DESTINATION, 16))
            go6 = self._and(go6, self._not(local))
        over = [self._field(IFINDEX, 4)] if output else []
        bits = 32 * (1 + len(over))
        key4 = call.op("concat", 32 + bits, call.const(bits, 32), *over, self._field(DESTINATION, 4))
        key6 = call.op("concat", 160, call.const(128, 32), self._field(DESTINATION, 16))
        found4, route4 = call.table_entry(fib.IPV4_OUTPUT if output else fib.IPV4, go4, key4)
        found6, route6 = call.table_entry(fib.IPV6, go6, key6)
        found = call.op("mux", 1, self._v4, found4, self._and(found6, self._not(local)))
        return found, call.op("mux", 8 * Route.SIZE, self._v4, route4, route6)

    def _neighbour(self, go: Any, route: Any, skip: bool) -> tuple[Any, Any]:
        """Whether the next hop's MAC address is known (or not wanted), and the two MAC addresses to write."""
        call = self._call
        via = self._of(route, Route.FAMILY, 1)
        self._via4, self._via6 = self._is(via, AF_INET), self._is(via, AF_INET6)
        gateway = self._of(route, Route.GATEWAY, 16)
        own = self._field(DESTINATION, 16)
        via_gateway = self._or(self._via4, self._via6)
        hop = call.op("mux", 128, via_gateway, gateway, own)
        is4 = self._or(self._via4, self._and(self._v4, self._not(self._via6)))
        short = call.op("zext", 128, call.op("slice", 32, hop, attr=0))
        self._hop = hop
        if skip:
            return call.const(1, 1), self._field(MACS, Neighbour.SIZE)
        family = call.op("mux", 32, is4, call.const(AF_INET, 32), call.const(AF_INET6, 32))
        address = call.op("mux", 128, is4, short, hop)
        key = call.op("concat", 192, self._of(route, Route.IFINDEX, 4), family, address)
        return call.table_entry(fib.NEIGHBOURS, go, key)

    def _store(self, routed: Any, success: Any, too_long: Any, route: Any, mtu: Any, macs: Any) -> None:
        """The fields that change: where a route was taken, where all went well, where the packet is too long."""
        call = self._call
        via = self._or(self._via4, self._via6)
        has_mtu = self._not(call.op("eq", 1, mtu, call.const(0, 32)))
        length = self._or(too_long, self._and(success, has_mtu))
        fields = {
            FAMILY: (1, self._and(routed, self._v4, self._via6), call.const(AF_INET6, 8)),
            LENGTH: (2, length, call.op("slice", 16, mtu, attr=0)),
            IFINDEX: (4, routed, self._of(route, Route.IFINDEX, 4)),
            METRIC: (4, routed, self._of(route, Route.METRIC, 4)),
            DESTINATION: (4, self._and(routed, via), call.op("slice", 32, self._hop, attr=0)),
            DESTINATION + 4: (12, self._and(routed, self._via6), call.op("slice", 96, self._hop, attr=32)),
            VLAN: (4, success, call.const(0, 32)),
            MACS: (Neighbour.SIZE, success, macs),
        }
        data, written, position = [], [], 0
        for offset, (size, condition, value) in sorted(fields.items()):
            if offset > position:
                data.append(call.const(0, 8 * (offset - position)))
                written += [call.const(0, 1)] * (offset - position)
            data.append(value)
            written += [condition] * size
            position = offset + size
        call.store_memory(2, call.op("concat", 8 * SIZE, *data), written)

    def _field(self, offset: int, size: int) -> Any:
        return self._of(self._params, offset, size)

    def _of(self, record: Any, offset: int, size: int) -> Any:
        return self._call.op("slice", 8 * size, record, attr=8 * offset)

    def _is(self, value: Any, number: int) -> Any:
        return self._call.op("eq", 1, value, self._call.const(number, 8))

    def _needs_strict(self, offset: int) -> Any:
        """`_needs_strict` of the address at an offset; its first byte is lowest."""
        call = self._call
        multicast = self._is(self._field(offset, 1), 0xFF)
        prefix = call.op("and", 16, self._field(offset, 2), call.const(0xC0FF, 16))
        link_local = call.op("eq", 1, prefix, call.const(0x80FE, 16))
        loopback = call.op("eq", 1, self._field(offset, 16), call.const(1 << 120, 128))
        return self._or(multicast, link_local, loopback)

    def _not(self, bit: Any) -> Any:
        return self._call.op("not", 1, bit)

    def _and(self, first: Any, *others: Any) -> Any:
        for other in others:
            first = self._call.op("and", 1, first, other)
        return first

    def _or(self, first: Any, *others: Any) -> Any:
        for other in others:
            first = self._call.op("or", 1, first, other)
        return first
