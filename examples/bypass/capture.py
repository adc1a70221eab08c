"""Flows in the table and others, of both families, with none to three VLAN tags."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q
from scapy.packet import Packet

HERE, THERE = "10.0.0.1", "10.0.0.2"
HERE6, THERE6 = "2001:db8::1", "2001:db8::2"


def frames() -> Iterator[bytes]:
    fronts = [
        ether(),
        ether() / Dot1Q(vlan=5, prio=3),
        ether() / Dot1Q(vlan=4095),
        ether(type=0x88A8) / Dot1Q(vlan=5),
        ether(type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6, prio=7),
        ether() / Dot1Q(vlan=5, type=0x88A8) / Dot1Q(vlan=6),
        ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7),
    ]
    for front in fronts:
        for layer4 in (TCP(sport=443, dport=80), UDP(sport=443, dport=80), UDP(sport=80, dport=443), ICMP()):
            for layer3 in layers(layer4):
                yield padded(front / layer3 / layer4, 80)
                yield padded(front / layer3 / layer4, 1514)
    for _ in range(20):  # one flow, back to back
        yield padded(ipv4(TCP(sport=443, dport=80), src=HERE, dst=THERE), 64)
        yield padded(ipv6(TCP(sport=443, dport=80), src=HERE6, dst=THERE6), 90)
    yield padded(ipv4(TCP(sport=443, dport=80), src=HERE, dst=THERE, options=[b"\x01" * 4] * 3), 80)
    yield padded(ipv4(TCP(sport=443, dport=80), src=HERE, dst=THERE, frag=3), 80)
    yield padded(ipv4(TCP(sport=443, dport=80), src=HERE, dst=THERE, ihl=2), 80)
    yield padded(ether() / ARP())
    yield padded(ether() / Dot1Q(vlan=5) / ARP())
    for layer3 in layers(TCP()):
        frame = padded(ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / layer3 / TCP(sport=443, dport=80), 90)
        for size in range(14, 70):
            yield frame[:size]
    yield from truncations(padded(ipv4(TCP(sport=443, dport=80), src=HERE, dst=THERE)))


def layers(layer4: Packet) -> list[Packet]:
    protocol = layer4.overload_fields[IP]["proto"]
    return [
        IP(src=HERE, dst=THERE, id=1, proto=protocol),
        IP(src=THERE, dst=HERE, id=1, proto=protocol),
        IPv6(src=HERE6, dst=THERE6, nh=58 if protocol == 1 else protocol),
    ]


def flow(
    source: str, dest: str, ports: tuple[int, int], protocol: int, vlans: tuple[int, int] = (0, 0)
) -> dict[str, str]:
    addresses = ip_address(source).packed + ip_address(dest).packed
    key = addresses + struct.pack(">HH", *ports) + struct.pack("<HHI", *vlans, protocol)
    return {"key": key.hex(), "value": struct.pack("<QQ", 7, 700).hex()}


MAPS = {
    "flows4": [
        flow(HERE, THERE, (443, 80), 6),
        flow(HERE, THERE, (443, 80), 6, (5, 0)),
        flow(HERE, THERE, (443, 80), 6, (5, 6)),
        flow(THERE, HERE, (80, 443), 17),
        flow(THERE, HERE, (80, 443), 17, (4095, 0)),
    ],
    "flows6": [
        flow(HERE6, THERE6, (443, 80), 6),
        flow(HERE6, THERE6, (443, 80), 17, (5, 0)),
        flow(HERE6, THERE6, (443, 80), 6, (5, 6)),
    ],
}
