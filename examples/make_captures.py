"""Write the capture and the map contents of every example: ``python examples/make_captures.py``.

Each capture reaches every branch of its program (a test runs them on Linux and looks at verdicts and maps). The
results are in the tree; the output is the same on every run.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import PcapWriter

HERE = Path(__file__).parent
INSIDE, OUTSIDE = "10.1.2.3", "198.51.100.7"
PAD = 60


def ether(**fields: object) -> Packet:
    return Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01", **fields)


def padded(packet: Packet, size: int = PAD) -> bytes:
    raw = bytes(packet)
    return raw.ljust(size, b"\0")


def ipv4(layer4: Packet, src: str = INSIDE, dst: str = OUTSIDE, **fields: object) -> Packet:
    return ether() / IP(src=src, dst=dst, id=1, **fields) / layer4


def truncations(frame: bytes) -> Iterator[bytes]:
    """The frame cut at every length where a parser may be inside of a header."""
    for size in (14, 15, 17, 18, 21, 22, 33, 34, 35, 37, 38, 41, 42, 53, 54):
        if size < len(frame):
            yield frame[:size]


def twice_tagged() -> Iterator[bytes]:
    tags = ether(type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6)
    frame = padded(tags / IP(src=INSIDE, dst=OUTSIDE) / UDP(sport=4000, dport=23), 64)
    yield frame
    yield from truncations(frame)
    yield padded(tags / Dot1Q(vlan=7) / IP())
    yield padded(tags / ARP())


def plain() -> Iterator[bytes]:
    for size in (14, 15, 60, 64, 65, 127, 128, 129, 511, 1024, 1514):
        yield padded(ether() / Raw(bytes(i & 255 for i in range(size - 14))), size)


def protocols() -> Iterator[bytes]:
    frames = [
        padded(ipv4(TCP(sport=1, dport=80))),
        padded(ipv4(UDP(sport=1, dport=53))),
        padded(ipv4(ICMP())),
        padded(ether() / IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(dport=443), 74),
        padded(ether() / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(dport=443), 74),
        padded(ether() / Dot1Q(vlan=5) / IP(src=INSIDE, dst=OUTSIDE) / UDP(dport=9)),
        padded(ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / IPv6(nh=58), 76),
        padded(ether(type=0x88A8) / Dot1Q(vlan=5) / IP(src=INSIDE, dst=OUTSIDE, proto=47)),
        padded(ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7) / IP()),
        padded(ether() / ARP(pdst=OUTSIDE)),
    ]
    for frame in frames:
        yield frame
        yield from truncations(frame)
    for protocol in (6, 6, 17, 6, 1, 255, 0):
        yield padded(ipv4(Raw(b""), proto=protocol))


def filtered_ports() -> Iterator[bytes]:
    for port in (22, 23, 80, 135, 443, 445, 3389, 65535):
        for layer4 in (TCP(sport=4000, dport=port), UDP(sport=4000, dport=port)):
            yield padded(ipv4(layer4))
            yield padded(ether() / Dot1Q(vlan=7) / IP(src=INSIDE, dst=OUTSIDE) / layer4, 64)
            yield padded(ipv4(layer4, options=[b"\x01" * 4] * 3), 80)
    yield from twice_tagged()
    yield padded(ipv4(ICMP()))
    yield padded(ipv4(UDP(dport=23), frag=5))
    yield padded(ipv4(UDP(dport=80), flags="MF"))
    yield padded(ether() / ARP())
    for ihl in (0, 4, 15):
        yield padded(ether() / IP(src=INSIDE, dst=OUTSIDE, ihl=ihl, proto=6) / TCP(dport=23))
    yield from truncations(padded(ipv4(TCP(dport=23))))


def flows() -> Iterator[bytes]:
    for protocol in (TCP, UDP):
        for port in (1000, 1001, 1002):
            there = padded(ipv4(protocol(sport=port, dport=80)))
            back = padded(ipv4(protocol(sport=80, dport=port), src=OUTSIDE, dst=INSIDE))
            yield back  # refused: the flow is not open
            yield there
            yield back
            yield from [there] * 4
            yield from [back] * 2
    reset = padded(ipv4(TCP(sport=1001, dport=80, flags="R")))
    yield reset
    yield reset  # the flow is gone
    yield padded(ipv4(TCP(sport=80, dport=1001), src=OUTSIDE, dst=INSIDE))
    yield padded(ipv4(TCP(sport=80, dport=1002, flags="R"), src=OUTSIDE, dst=INSIDE))
    for host in range(40):
        yield padded(ipv4(UDP(sport=5000 + host, dport=53), src=f"10.9.0.{host + 1}"))
    for host in range(40):
        yield padded(ipv4(UDP(sport=53, dport=5000 + host), src=OUTSIDE, dst=f"10.9.0.{host + 1}"), 90 + host)
    yield padded(ether() / ARP())
    yield padded(ether() / IPv6(), 60)
    yield padded(ipv4(ICMP()))
    yield padded(ipv4(TCP(sport=7, dport=7), options=[b"\x01" * 4] * 2), 70)
    yield padded(ether() / IP(src=INSIDE, dst=OUTSIDE, ihl=3, proto=17) / UDP())
    yield from truncations(padded(ipv4(TCP(sport=1000, dport=80))))
    yield from truncations(padded(ipv4(UDP(sport=1000, dport=80))))
    for host in range(1024):  # more than the table takes
        yield padded(ipv4(UDP(sport=6000, dport=53), src=str(IPv4Address("10.8.0.0") + host)))


def translated() -> Iterator[bytes]:
    body = Raw(b"hardpath")
    for layer4 in (TCP, UDP):
        yield padded(ipv4(layer4(sport=3333, dport=80) / body, dst="192.0.2.80"))
        yield padded(ipv4(layer4(sport=8080, dport=3333) / body, src="10.0.0.80", dst=INSIDE))
        yield padded(ipv4(layer4(sport=1, dport=1) / body))
        yield from [padded(ipv4(layer4(sport=3334, dport=80) / body, dst="192.0.2.80"), 200)] * 3
    yield padded(ipv4(UDP(sport=3333, dport=80, chksum=0) / body, dst="192.0.2.80"))
    for value in (*range(0, 65536, 4099), becomes_zero()):
        yield padded(ipv4(UDP(sport=3333, dport=80, chksum=value) / body, dst="192.0.2.80"))
    yield padded(ipv4(TCP(dport=80), dst="192.0.2.80", options=[b"\x01" * 4]), 70)
    yield padded(ipv4(ICMP(), dst="192.0.2.80"))
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(sport=3333, dport=80), dst="192.0.2.80")))
    yield from truncations(padded(ipv4(UDP(sport=3333, dport=80), dst="192.0.2.80")))


def becomes_zero() -> int:
    """The UDP checksum that is 0 after the rewriting from 192.0.2.80:80 to 10.0.0.80:8080 (RFC 1624)."""
    added = struct.unpack(">HHH", IPv4Address("10.0.0.80").packed + struct.pack(">H", 8080))
    removed = struct.unpack(">HHH", IPv4Address("192.0.2.80").packed + struct.pack(">H", 80))
    return (sum(added) - sum(removed)) % 0xFFFF


def tagged() -> Iterator[bytes]:
    for size in (14, 15, 17, 18, 59, 60, 61, 63, 64, 65, 124, 128, 1000, 1510, 1514):
        body = Raw(bytes((i * 7) & 255 for i in range(1600)))
        yield bytes(ether() / IP(src=INSIDE, dst=OUTSIDE) / body)[:size]
        yield bytes(ether() / Dot1Q(vlan=42) / IP(src=INSIDE, dst=OUTSIDE) / body)[:size]
        yield bytes(ether() / Dot1Q(vlan=43, prio=3) / IP(src=INSIDE, dst=OUTSIDE) / body)[:size]


def pings() -> Iterator[bytes]:
    own = "192.0.2.1"
    for size in (0, 1, 18, 56, 100, 1400):
        yield padded(ipv4(ICMP(id=7, seq=size) / Raw(b"p" * size), dst=own))
    yield padded(ipv4(ICMP(type=8, chksum=0xF7FF), dst=own))
    yield padded(ipv4(ICMP(type=8, chksum=0xF800), dst=own))
    yield padded(ipv4(ICMP(type=8, chksum=0xFFFF), dst=own))
    yield padded(ipv4(ICMP(id=1), dst=own, options=[b"\x01" * 4] * 10), 90)
    yield padded(ipv4(ICMP(type=0), dst=own))
    yield padded(ipv4(ICMP(type=8, code=1), dst=own))
    yield padded(ipv4(ICMP()))
    yield padded(ipv4(UDP(), dst=own))
    yield padded(ether() / ARP())
    yield padded(ether() / IP(dst=own, ihl=1, proto=1) / ICMP())
    yield from truncations(padded(ipv4(ICMP(), dst=own)))


def sized() -> Iterator[bytes]:
    for size in (14, 33, 34, 60, 599, 600, 601, 602, 603, 700, 1000, 1513, 1514):
        yield bytes(ipv4(UDP(sport=5, dport=6) / Raw(bytes(i & 255 for i in range(1500)))))[:size]
        yield bytes(ether() / IPv6() / Raw(bytes(1500)))[:size]


def sources() -> Iterator[bytes]:
    for turn in range(4):
        for host in range(1, 60):
            yield padded(ipv4(UDP(), src=f"203.0.113.{host}"), PAD + 10 * turn)
        yield from [padded(ipv4(UDP(), src="203.0.113.250"))] * 20
    for host in range(600):  # more than the map takes
        yield padded(ipv4(UDP(), src=str(IPv4Address("172.16.0.0") + host)))
    yield padded(ether() / Dot1Q(vlan=3) / IP(src="203.0.113.1", dst=INSIDE) / UDP())
    yield from twice_tagged()
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(UDP())))


def layered() -> Iterator[bytes]:
    for options in ([], [b"\x01" * 4] * 2, [b"\x01" * 4] * 10):
        for port in (22, 23, 53):
            yield padded(ipv4(TCP(dport=port, flags="S"), options=options), 100)
            yield padded(ipv4(TCP(dport=port, flags="A"), options=options), 100)
            yield padded(ipv4(UDP(dport=port), options=options), 100)
    for layer4 in (TCP(dport=23), TCP(dport=80, flags="S"), UDP(dport=53), UDP(dport=54), ICMP()):
        frame = padded(ether() / IPv6(src="2001:db8::1", dst="2001:db8::2") / layer4, 80)
        yield frame
        yield from truncations(frame)
        yield from truncations(padded(ipv4(layer4)))
    yield padded(ipv4(ICMP()))
    yield padded(ether() / ARP())
    yield padded(ether() / IP(dst=OUTSIDE, ihl=2, proto=6) / TCP())


def routed() -> Iterator[bytes]:
    def to(destination: str, **fields: object) -> Packet:
        return ipv4(UDP(sport=4000, dport=5000), dst=destination, **fields)

    destinations = (
        "10.0.0.1",  # on link
        "10.0.0.77",  # on link, and not a neighbour yet
        "10.1.2.3",  # behind a gateway
        "10.1.2.200",  # in a longer prefix with a gateway of its own
        "10.1.2.201",  # a single host in that prefix
        "10.1.3.4",
        "172.16.5.6",  # thrown away
        "172.16.5.7",  # but not all of it
        "192.0.2.1",  # the router itself
        "224.0.0.5",
        "8.8.8.8",  # by the default route
        "127.0.0.1",  # the gateway is not a neighbour
    )
    for destination in destinations:
        for size in (60, 64, 65, 600, 1514):
            yield padded(to(destination), size)
        for ttl in (0, 1, 2, 255):
            yield padded(to(destination, ttl=ttl))
    yield from [padded(to("10.1.2.3"))] * 30
    yield from [padded(to(destination)) for destination in destinations] * 3
    for check in (0, 1, 0xFE, 0xFEFE, 0xFEFF, 0xFF00, 0xFFFE, 0xFFFF):
        yield padded(to("10.1.2.3", chksum=check))
    yield padded(to("10.1.2.3", options=[b"\x01" * 4]), 70)
    yield padded(to("10.1.2.3", version=6))
    yield padded(ether() / ARP())
    yield padded(ether() / IPv6())
    yield from truncations(padded(to("10.1.2.3")))


def route(prefix: str, gateway: str = "0.0.0.0", action: int = 0) -> dict[str, str]:
    network = IPv4Network(prefix)
    key = struct.pack("<I", network.prefixlen) + network.network_address.packed
    return {"key": key.hex(), "value": (IPv4Address(gateway).packed + struct.pack("<IQQ", action, 0, 0)).hex()}


def neighbour(address: str, ifindex: int) -> dict[str, str]:
    macs = bytes.fromhex("0200000001") + bytes([ifindex]) + bytes.fromhex("0200000002") + bytes([ifindex])
    return {"key": IPv4Address(address).packed.hex(), "value": (struct.pack("<I", ifindex) + macs).hex()}


def rewrite(address: str, port: int, protocol: int, direction: int, to: str, to_port: int) -> dict[str, str]:
    key = IPv4Address(address).packed + struct.pack(">HBB", port, protocol, direction)
    value = IPv4Address(to).packed + struct.pack(">HH", to_port, 0) + bytes(8)
    return {"key": key.hex(), "value": value.hex()}


NAT = {
    "rewrites": [
        rewrite(address, port, protocol, direction, to, to_port)
        for protocol in (6, 17)
        for address, port, direction, to, to_port in (
            ("192.0.2.80", 80, 0, "10.0.0.80", 8080),
            ("10.0.0.80", 8080, 1, "192.0.2.80", 80),
        )
    ]
}
TO_HOST, BLACKHOLE = 1, 2
ROUTES = {
    "routes": [
        route("0.0.0.0/0", "10.0.0.1"),
        route("10.0.0.0/24"),
        route("10.1.0.0/16", "10.0.0.2"),
        route("10.1.2.128/25", "10.0.0.3"),
        route("10.1.2.201/32", "10.0.0.1"),
        route("127.0.0.0/8", "10.0.0.78"),
        route("172.16.0.0/12", action=BLACKHOLE),
        route("172.16.5.7/32", "10.0.0.2"),
        route("192.0.2.1/32", action=TO_HOST),
        route("224.0.0.0/4", action=TO_HOST),
    ],
    "neighbours": [neighbour("10.0.0.1", 2), neighbour("10.0.0.2", 3), neighbour("10.0.0.3", 4)],
}
COUNTED = {"sources": [{"key": IPv4Address("203.0.113.9").packed.hex(), "value": struct.pack("<QQ", 100, 6000).hex()}]}
SEEN = {"answers": [{"key": "00000000", "value": struct.pack("<Q", 41).hex()}]}

EXAMPLES: dict[str, tuple[Callable[[], Iterator[bytes]], dict[str, list[dict[str, str]]]]] = {
    "drop": (plain, {}),
    "mac_swap": (plain, {}),
    "count_protocols": (protocols, {}),
    "port_filter": (filtered_ports, {}),
    "firewall": (flows, {}),
    "nat": (translated, NAT),
    "vlan": (tagged, {}),
    "icmp_echo": (pings, {}),
    "icmp_too_big": (sized, SEEN),
    "source_counter": (sources, COUNTED),
    "router": (routed, ROUTES),
    "chain": (layered, {}),
}


def main() -> None:
    """Write ``capture.pcap`` and ``maps.json`` beside each example."""
    for name, (frames, maps) in EXAMPLES.items():
        with PcapWriter(str(HERE / name / "capture.pcap"), linktype=1) as writer:
            writer.write_header(None)
            for number, frame in enumerate(frames()):
                writer.write_packet(frame, sec=1_700_000_000, usec=number)
        (HERE / name / "maps.json").write_text(json.dumps(maps, indent=1) + "\n")


if __name__ == "__main__":
    main()
