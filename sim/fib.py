"""What ``ip -j`` says of a Linux, as contents of the tables in `hdl.helpers.fib`.

The file is one JSON object: ``addr``, ``route4``, ``route6``, ``neigh``, ``netconf``, ``rule4``, ``rule6``, each what
the command in `COMMANDS` prints (with or without -N). ``ip`` does not tell in JSON that the MTU of a route is locked,
and only then Linux uses it for what it forwards; such a route has ``"locked": ["mtu"]`` besides, as `collect` writes.

What the tables cannot hold exactly raises `InputError` with the route: routing rules, several next hops, routes by type
of service or source, encapsulation.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..hdl.errors import InputError
from ..hdl.helpers import fib
from ..hdl.helpers.fib import Device, Neighbour, Result, Route
from .mapfile import Contents

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "addr": ("addr", "show"),
    "route4": ("-4", "route", "show", "table", "all"),
    "route6": ("-6", "route", "show", "table", "all"),
    "neigh": ("neigh", "show", "nud", "all"),
    "netconf": ("netconf", "show"),
    "rule4": ("-4", "rule", "show"),
    "rule6": ("-6", "rule", "show"),
}

_MAIN, _LOCAL, _DEFAULT = "main", "local", "default"
_TABLES = {"254": _MAIN, "255": _LOCAL, "253": _DEFAULT}
_RULES = [[_LOCAL, _MAIN, _DEFAULT], [_LOCAL, _MAIN]]
"""The tables that the rules of IPv4 and of IPv6 name, in this order, where nobody has changed them."""

_TYPES = {"1": "unicast", "2": "local", "3": "broadcast", "4": "anycast", "5": "multicast", "6": "blackhole",
          "7": "unreachable", "8": "prohibit", "9": "throw"}  # fmt: skip
_RESULTS = {"unicast": Result.SUCCESS, "blackhole": Result.BLACKHOLE, "unreachable": Result.UNREACHABLE,
            "prohibit": Result.PROHIBIT}  # fmt: skip
_NOWHERE = {"blackhole", "unreachable", "prohibit", "throw"}
_VALID = {"PERMANENT", "NOARP", "REACHABLE", "PROBE", "STALE", "DELAY"}
"""States of a neighbour whose address counts (NUD_VALID)."""

_HEADERS = {"ether": 14, "loopback": 14}
_NEVER_FORWARDED = tuple(map(ipaddress.IPv6Network, ("fe80::/10", "ff00::/8", "::1/128")))
_NULL_METRIC = (1 << 32) - 1  # of the route that IPv6 shows for what it has no route to

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def collect() -> dict[str, Any]:
    """The document of this machine, as seen by the calling thread. Raises `InputError`."""
    document: dict[str, Any] = {name: json.loads(_ip("-j", *words) or "[]") for name, words in COMMANDS.items()}
    for name in ("route4", "route6"):
        lines = _ip("-o", *COMMANDS[name]).splitlines()
        if len(lines) != len(document[name]):
            raise InputError("routes have changed while they were read: try again")
        for route, line in zip(document[name], lines, strict=True):
            if " mtu lock " in f"{line} ":
                route["locked"] = ["mtu"]
    return document


def _ip(*words: str) -> str:
    try:
        return subprocess.run(("ip", *words), capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise InputError("there is no command ip: install iproute2") from None
    except subprocess.CalledProcessError as error:
        raise InputError(f"{' '.join(('ip', *words))}: {error.stderr.strip()}") from None


def load_fib(path: str | Path) -> dict[str, dict[bytes, bytes]]:
    """The contents that a file says. Raises `InputError` with what is wrong."""
    try:
        document = json.loads(Path(path).read_text())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}") from None
    try:
        return parse_fib(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse_fib(document: Any) -> dict[str, dict[bytes, bytes]]:
    """The same from parsed JSON."""
    if not isinstance(document, dict) or not document.keys() >= COMMANDS.keys():
        raise InputError(f"routes are an object with {', '.join(COMMANDS)}: make it with hardpath fib")
    try:
        return _contents(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"this is not what ip -j prints: {type(error).__name__} {error}") from None


def _contents(document: Mapping[str, Any]) -> dict[str, dict[bytes, bytes]]:
    for rules, usual, family in zip((document["rule4"], document["rule6"]), _RULES, (4, 6), strict=True):
        if not all(map(_only_names_a_table, rules)) or [_table(rule) for rule in rules] != usual:
            raise InputError(f"IPv{family} has routing rules of its own, which the tables cannot hold")
    links = {link["ifname"]: link for link in document["addr"]}
    devices = _devices(document)
    by_name = {name: (link["ifindex"], devices[link["ifindex"]]) for name, link in links.items()}
    ignored = {
        (each["family"], each["interface"]) for each in document["netconf"] if each.get("ignore_routes_with_linkdown")
    }

    def routes(name: str, family: str) -> Iterator[tuple[Network, Mapping[str, Any]]]:
        for route in document[name]:
            flags = set(route.get("flags", ()))
            down = "linkdown" in flags and (family, route.get("dev")) in ignored
            if "dead" not in flags and not down and route.get("metric") != _NULL_METRIC:
                yield _network(route["dst"], family), route

    device_of: Callable[[str], tuple[int, Device]] = by_name.__getitem__
    four = list(routes("route4", "inet"))
    six = list(routes("route6", "inet6"))
    return {
        fib.DEVICES.name: {fib.device_key(ifindex): device.pack() for ifindex, device in devices.items()},
        fib.IPV4.name: _best(iter(four), {_LOCAL, _MAIN}, device_of),
        fib.IPV4_OUTPUT.name: _by_interface(four, devices, device_of),
        fib.IPV6.name: _best(iter(six), {_MAIN}, device_of),
        fib.IPV6_LOCAL.name: {address: bytes(4) for address in _own_addresses(six)},
        fib.NEIGHBOURS.name: dict(_neighbours(document["neigh"], links)),
    }


def _only_names_a_table(rule: Mapping[str, Any]) -> bool:
    """Whether a routing rule does nothing but look into a table, for every packet."""
    return rule.keys() <= {"priority", "src", "table", "protocol"} and "table" in rule and rule["src"] == "all"


def _devices(document: Mapping[str, Any]) -> dict[int, Device]:
    forwarding = {(each["family"], each["interface"]) for each in document["netconf"] if each["forwarding"]}
    return {
        link["ifindex"]: Device(
            link["mtu"],
            _HEADERS.get(link["link_type"], 0),
            ("inet", link["ifname"]) in forwarding,
            ("inet6", link["ifname"]) in forwarding,
        )
        for link in document["addr"]
    }


def _best(
    routes: Iterator[tuple[Network, Mapping[str, Any]]],
    tables: set[str],
    device_of: Callable[[str], tuple[int, Device]],
) -> dict[bytes, bytes]:
    """For each prefix in ``tables`` the route that Linux takes: of the local table first, then of the least metric."""
    found: dict[bytes, tuple[tuple[bool, int], bytes]] = {}
    for network, route in routes:
        if _table(route) == _DEFAULT:
            raise InputError(f"the route to {network} is in the table default: move it to main")
        if _table(route) not in tables or _never_asked(network):
            continue
        key = fib.route_key(network.network_address.packed, network.prefixlen)
        order = _table(route) != _LOCAL, route.get("metric", 0)
        if key in found and found[key][0] == order and network.version == 6:
            raise InputError(f"there are several routes to {network} of metric {order[1]}, among which Linux chooses "
                             "by hash: keep one")  # fmt: skip
        if key not in found or order < found[key][0]:
            found[key] = order, _record(network, route, device_of).pack()
    return {key: record for key, (_, record) in found.items()}


def _by_interface(
    routes: list[tuple[Network, Mapping[str, Any]]],
    devices: Mapping[int, Device],
    device_of: Callable[[str], tuple[int, Device]],
) -> dict[bytes, bytes]:
    """For each interface and IPv4 prefix the first route over it, or one of those that lead nowhere and so concern all
    (fib_table_lookup with flowi4_oif)."""
    found: dict[bytes, bytes] = {}
    for network, route in sorted(routes, key=lambda each: (_table(each[1]) != _LOCAL, each[1].get("metric", 0))):
        if _table(route) not in (_LOCAL, _MAIN):
            continue
        kind = str(route.get("type", "unicast"))
        over = devices if _TYPES.get(kind, kind) in _NOWHERE else [device_of(route["dev"])[0]]
        for ifindex in over:
            key = fib.output_key(ifindex, network.network_address.packed, network.prefixlen)
            found.setdefault(key, _record(network, route, device_of).pack())
    return found


def _record(network: Network, route: Mapping[str, Any], device_of: Callable[[str], tuple[int, Device]]) -> Route:
    for name, what in (("nexthops", "several next hops"), ("tos", "a type of service"), ("encap", "an encapsulation"),
                       ("from", "a source prefix")):  # fmt: skip
        if name in route:
            raise InputError(f"the route to {network} has {what}, which the tables cannot hold: "
                             "replace it by one with a single next hop")  # fmt: skip
    kind = str(route.get("type", "unicast"))
    result = _RESULTS.get(_TYPES.get(kind, kind), Result.NOT_FWDED)
    if result != Result.SUCCESS:
        return Route(result)
    ifindex, device = device_of(route["dev"])
    metrics = {name: value for each in route.get("metrics", ()) for name, value in each.items()}
    mtu = device.mtu4 if network.version == 4 else device.mtu6
    if "mtu" in route.get("locked", ()):
        mtu = metrics["mtu"]
    gateway = route.get("gateway") or route.get("via", {}).get("host")
    hop = ipaddress.ip_address(gateway).packed if gateway else b""
    return Route(result, ifindex, route.get("metric", 0), mtu, hop)


def _own_addresses(routes: list[tuple[Network, Mapping[str, Any]]]) -> Iterator[bytes]:
    for network, route in routes:
        if _table(route) != _LOCAL or _never_asked(network):
            continue
        kind = str(route.get("type", "unicast"))
        if network.prefixlen != 128 or _TYPES.get(kind, kind) not in ("local", "anycast"):
            raise InputError(f"the IPv6 route to {network} in table local is not that of an address of this host")
        yield network.network_address.packed


def _neighbours(entries: Any, links: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[bytes, bytes]]:
    for entry in entries:
        if "lladdr" not in entry or not _VALID & set(entry.get("state", ())):
            continue
        link = links[entry["dev"]]
        macs = [bytes.fromhex(mac.replace(":", "")) for mac in (link["address"], entry["lladdr"])]
        if len(macs[0]) == len(macs[1]) == 6:
            key = fib.neighbour_key(link["ifindex"], ipaddress.ip_address(entry["dst"]).packed)
            yield key, Neighbour(*macs).pack()


def _network(destination: str, family: str) -> Network:
    if destination == "default":
        destination = "0.0.0.0/0" if family == "inet" else "::/0"
    return ipaddress.ip_network(destination)


def _never_asked(network: Network) -> bool:
    """Whether bpf_fib_lookup ends before it gets to routes for the prefix."""
    return isinstance(network, ipaddress.IPv6Network) and any(map(network.subnet_of, _NEVER_FORWARDED))


def _table(entry: Mapping[str, Any]) -> str:
    name = str(entry.get("table", _MAIN))
    return _TABLES.get(name, name)


def merged(contents: Contents, tables: Contents) -> dict[str, Mapping[bytes, bytes]]:
    """Contents of maps and of tables. Raises `InputError` if both have the same."""
    if both := contents.keys() & tables.keys():
        raise InputError(f"{', '.join(sorted(both))} come from --maps and from --fib: give one of them")
    return {**contents, **tables}
