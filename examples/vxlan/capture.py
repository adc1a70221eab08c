"""Frames with VLAN tags and in VXLAN; what comes in tells where the stations are that frames then go to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

OWN, NODE, PEERS = "10.0.0.1", "10.0.0.100", ("10.0.0.2", "10.0.0.3")
STATIONS = [f"02:00:00:00:01:{number:02x}" for number in range(6)]


def frames() -> Iterator[bytes]:
    def tagged(vlan: int, dst: str, size: int = 0) -> bytes:
        front = Ether(dst=dst, src="02:00:00:00:00:07") / Dot1Q(vlan=vlan)
        return padded(front / IP(dst="10.5.0.1") / Raw(bytes(size)))

    def carried(vni: int, station: str, peer: str, size: int = 0, flags: int | str = "Instance") -> Packet:
        inner = Ether(dst="02:00:00:00:00:07", src=station) / IP(dst="10.5.0.2") / Raw(bytes(size))
        return ipv4(UDP(sport=50000, dport=4789) / VXLAN(vni=vni, flags=flags) / inner, src=peer, dst=OWN)

    for size in (0, 10, 26, 27, 90, 400, 1400):
        for station in STATIONS[:2]:
            for vlan, vni in ((5, 5000), (6, 0xFFFFFF), (7, 7000)):  # there is no segment for the last
                yield tagged(vlan, station, size)
                yield padded(carried(vni, station, PEERS[0], size))
                yield tagged(vlan, station, size)
    for peer in (*PEERS, *PEERS):  # stations move
        for station in STATIONS:
            yield padded(carried(5000, station, peer))
            yield padded(carried(5000, station, peer))
            yield tagged(5, station)
    yield from [tagged(5, STATIONS[0])] * 20
    yield tagged(5, "ff:ff:ff:ff:ff:ff")
    yield padded(ether() / Dot1Q(vlan=5, prio=5) / Dot1Q(vlan=6) / IP())
    yield padded(carried(5000, STATIONS[0], PEERS[0], flags=0))
    for changed in ({"dst": "10.0.0.9"}, {"ihl": 6}, {"proto": 6}, {"frag": 1}, {"flags": "MF"}):
        frame = carried(5000, STATIONS[0], PEERS[0])
        for name, value in changed.items():
            setattr(frame[IP], name, value)
        yield padded(frame)
    yield padded(ipv4(UDP(dport=4790) / VXLAN(vni=5000) / Ether() / IP(), dst=OWN))
    yield padded(ipv4(TCP(), dst=OWN), 80)
    yield padded(ipv6(UDP(dport=4789)), 80)
    yield padded(ether() / ARP(), 80)
    yield from truncations(tagged(5, STATIONS[0]))
    frame = padded(carried(5000, STATIONS[0], PEERS[0]))
    for size in range(14, 70):
        yield frame[:size]


def segment(vlan: int, vni: int) -> dict[str, str]:
    return {"key": struct.pack("<I", vlan).hex(), "value": (struct.pack("<I", vni) + IPv4Address(NODE).packed).hex()}


MAPS = {
    "segments": [segment(5, 5000), segment(6, 0xFFFFFF)],
    "vlans": [
        {"key": struct.pack("<I", vni).hex(), "value": struct.pack("<I", vlan).hex()}
        for vlan, vni in ((5, 5000), (6, 0xFFFFFF))
    ],
}
