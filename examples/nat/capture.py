"""Frames and map contents that reach all of nat."""

from __future__ import annotations

from collections.abc import Iterator

from packets import INSIDE, becomes_zero, endpoint, ether, ipv4, padded, truncations
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    body = Raw(b"hardpath")
    for layer4 in (TCP, UDP):
        yield padded(ipv4(layer4(sport=3333, dport=80) / body, dst="192.0.2.80"))
        yield padded(ipv4(layer4(sport=8080, dport=3333) / body, src="10.0.0.80", dst=INSIDE))
        yield padded(ipv4(layer4(sport=1, dport=1) / body))
        yield from [padded(ipv4(layer4(sport=3334, dport=80) / body, dst="192.0.2.80"), 200)] * 3
    yield padded(ipv4(UDP(sport=3333, dport=80, chksum=0) / body, dst="192.0.2.80"))
    for value in (*range(0, 65536, 4099), becomes_zero(endpoint("192.0.2.80", 80), endpoint("10.0.0.80", 8080))):
        yield padded(ipv4(UDP(sport=3333, dport=80, chksum=value) / body, dst="192.0.2.80"))
    yield padded(ipv4(TCP(dport=80), dst="192.0.2.80", options=[b"\x01" * 4]), 70)
    yield padded(ipv4(ICMP(), dst="192.0.2.80"))
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(sport=3333, dport=80), dst="192.0.2.80")))
    yield from truncations(padded(ipv4(UDP(sport=3333, dport=80), dst="192.0.2.80")))


def rewrite(address: str, port: int, protocol: int, direction: int, to: str, to_port: int) -> dict[str, str]:
    key = endpoint(address, port) + bytes([protocol, direction])
    value = endpoint(to, to_port) + bytes(10)
    return {"key": key.hex(), "value": value.hex()}


MAPS = {
    "rewrites": [
        rewrite(address, port, protocol, direction, to, to_port)
        for protocol in (6, 17)
        for address, port, direction, to, to_port in (
            ("192.0.2.80", 80, 0, "10.0.0.80", 8080),
            ("10.0.0.80", 8080, 1, "192.0.2.80", 80),
        )
    ]
}
