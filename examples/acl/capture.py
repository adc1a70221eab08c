"""An access list, what the maps have to hold for it, and packets on both sides of all of its rules."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP

DROP, PASS, TX = 1, 2, 3
ANY = "0.0.0.0/0"
ALL_PORTS = (0, 65535)


@dataclass(frozen=True)
class Rule:
    verdict: int
    source: str = ANY
    dest: str = ANY
    source_ports: tuple[int, int] = ALL_PORTS
    dest_ports: tuple[int, int] = ALL_PORTS
    protocols: tuple[int, ...] = (6, 17)


RULES = {  # by number
    0: Rule(DROP, source="10.0.0.3/32"),
    1: Rule(PASS, dest="10.0.0.0/30", dest_ports=(80, 80), protocols=(6,)),
    2: Rule(PASS, dest="10.0.0.0/30", dest_ports=(443, 443)),
    7: Rule(TX, source="10.0.0.0/8", dest="10.0.0.1/32", dest_ports=(8000, 8999)),
    20: Rule(PASS, source_ports=(53, 53), dest_ports=(1024, 65535), protocols=(17,)),
    41: Rule(7, dest="10.0.0.2/32", dest_ports=(1, 21)),  # no verdict, so XDP_ABORTED
    63: Rule(PASS, source="10.0.0.0/31", source_ports=(1024, 65535), dest_ports=(0, 22), protocols=(6,)),
}


def frames() -> Iterator[bytes]:
    rng = random.Random(4)
    ports = sorted({port for rule in RULES.values() for ends in (rule.source_ports, rule.dest_ports) for port in ends})
    near = [port for edge in ports for port in (edge - 1, edge, edge + 1) if 0 <= port < 1 << 16]
    addresses = [*(f"10.0.0.{host}" for host in range(6)), "10.200.0.1", "192.0.2.1"]
    for _ in range(1500):
        layer4 = rng.choice((TCP, UDP))(sport=rng.choice(near), dport=rng.choice(near))
        yield padded(ipv4(layer4, src=rng.choice(addresses), dst=rng.choice(addresses)))
    yield from [padded(ipv4(TCP(sport=5000, dport=80), src="192.0.2.1", dst="10.0.0.1"))] * 20
    yield padded(ipv4(TCP(dport=80), dst="10.0.0.1", options=[b"\x01" * 4]), 70)
    yield padded(ipv4(TCP(dport=80), dst="10.0.0.1", frag=1))
    yield padded(ipv4(ICMP(), dst="10.0.0.1"))
    yield padded(ipv6(TCP()), 80)
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(dport=80), dst="10.0.0.1")))
    yield from truncations(padded(ipv4(UDP(dport=80), dst="10.0.0.1")))


@dataclass(frozen=True)
class Prefix:
    """The first ``length`` of ``width`` bits."""

    value: int
    length: int
    width: int

    def covers(self, other: Prefix) -> bool:
        return self.length <= other.length and (self.value ^ other.value) >> self.width - self.length == 0

    @property
    def key(self) -> str:
        return (struct.pack("<I", self.length) + self.value.to_bytes(self.width // 8, "big")).hex()


def of_network(text: str) -> list[Prefix]:
    network = IPv4Network(text)
    return [Prefix(int(IPv4Address(network.network_address)), network.prefixlen, 32)]


def of_range(ends: tuple[int, int]) -> list[Prefix]:
    """The fewest prefixes that are all numbers from the first to the last."""
    first, last = ends
    found = []
    while first <= last:
        size = min(first & -first or 1 << 16, 1 << (last - first + 1).bit_length() - 1)
        found.append(Prefix(first, 16 - (size.bit_length() - 1), 16))
        first += size
    return found


def trie(fields: dict[int, list[Prefix]]) -> list[dict[str, str]]:
    """Each prefix with the rules that match all of it."""
    known = sorted({prefix for found in fields.values() for prefix in found}, key=lambda prefix: prefix.key)
    sets = {
        prefix: sum(
            1 << number for number, found in fields.items() if any(wider.covers(prefix) for wider in found)
        )
        for prefix in known
    }
    return [{"key": prefix.key, "value": struct.pack("<Q", sets[prefix]).hex()} for prefix in known]


def protocol(number: int) -> dict[str, str]:
    matching = sum(1 << rule for rule, found in RULES.items() if number in found.protocols)
    return {"key": struct.pack("<I", number).hex(), "value": struct.pack("<Q", matching).hex()}


MAPS = {
    "sources": trie({number: of_network(rule.source) for number, rule in RULES.items()}),
    "destinations": trie({number: of_network(rule.dest) for number, rule in RULES.items()}),
    "source_ports": trie({number: of_range(rule.source_ports) for number, rule in RULES.items()}),
    "destination_ports": trie({number: of_range(rule.dest_ports) for number, rule in RULES.items()}),
    "protocols": [protocol(6), protocol(17)],
    "rules": [
        {"key": struct.pack("<I", number).hex(), "value": struct.pack("<IIQ", rule.verdict, 0, 0).hex()}
        for number, rule in RULES.items()
    ],
}
