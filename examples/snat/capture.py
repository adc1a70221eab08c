"""Flows out and their answers, until there are no ports left; resets that free some."""

from __future__ import annotations

import random
from collections.abc import Iterator

from packets import OUTSIDE, becomes_zero, endpoint, ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Packet, Raw

OWN = "192.0.2.1"
FIRST_PORT = 32768
BODY = Raw(b"hardpath")


def frames() -> Iterator[bytes]:
    def first(source: str, port: int, to: str, to_port: int, checksum: int) -> bytes:
        return padded(ipv4(UDP(sport=port, dport=to_port, chksum=checksum) / BODY, src=source, dst=to))

    inside, outside = endpoint("10.0.0.7", 4000), endpoint(OWN, FIRST_PORT)
    for checksum in (0, 1, 0xFFFF, becomes_zero(inside, outside)):
        yield first("10.0.0.7", 4000, OUTSIDE, 53, checksum)
    for checksum in (0, 1, 0xFFFF, becomes_zero(outside, inside)):
        yield first(OUTSIDE, 53, OWN, FIRST_PORT, checksum)
    rng = random.Random(1)
    clients = [f"10.0.0.{host}" for host in range(1, 6)]
    for _ in range(1500):
        client, port = rng.choice(clients), rng.randrange(4000, 4025)
        layer4 = rng.choice((TCP, UDP))
        if rng.random() < 0.5:
            yield padded(ipv4(filled(rng, layer4, port, 80), src=client, dst=OUTSIDE))
        else:
            yield padded(ipv4(filled(rng, layer4, 80, FIRST_PORT + rng.randrange(120)), src=OUTSIDE, dst=OWN))
    for port in range(4000, 4200):
        yield padded(ipv4(UDP(sport=port, dport=53), src="10.0.0.9", dst=OUTSIDE))
    for protocol in (TCP, UDP):
        yield padded(ipv4(protocol(sport=80, dport=FIRST_PORT), src="198.51.100.8", dst=OWN))  # of another peer
        yield padded(ipv4(protocol(sport=81, dport=FIRST_PORT), src=OUTSIDE, dst=OWN))
        yield padded(ipv4(protocol(sport=80, dport=FIRST_PORT + 1000), src=OUTSIDE, dst=OWN))  # of no flow
        yield padded(ipv4(protocol(sport=80, dport=22), src=OUTSIDE, dst=OWN))
        yield padded(ipv4(protocol(sport=80, dport=FIRST_PORT), src=OUTSIDE, dst="198.51.100.9"))
        yield padded(ipv4(protocol(sport=80, dport=22), src="10.0.0.1", dst="10.0.0.2"))
    for _ in range(16):  # the same flow again and again, closed by either side
        yield padded(ipv4(TCP(sport=80, dport=FIRST_PORT + 17, flags="R"), src=OUTSIDE, dst=OWN))
        yield padded(ipv4(TCP(sport=4000, dport=80, flags="S"), src="10.0.0.1", dst=OUTSIDE))
        yield padded(ipv4(TCP(sport=4000, dport=80, flags="R"), src="10.0.0.1", dst=OUTSIDE))
    yield padded(ipv4(UDP(sport=4000, dport=80, chksum=0) / BODY, src="10.0.0.1", dst=OUTSIDE))
    yield padded(ipv4(TCP(), src="10.0.0.1", options=[b"\x01" * 4]), 70)
    yield padded(ipv4(UDP(), src="10.0.0.1", frag=9))
    yield padded(ipv4(ICMP(), src="10.0.0.1"))
    yield padded(ipv6(UDP()), 70)
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(sport=4000, dport=80), src="10.0.0.1", dst=OUTSIDE)))
    yield from truncations(padded(ipv4(UDP(sport=4000, dport=80), src="10.0.0.1", dst=OUTSIDE)))


def filled(rng: random.Random, layer4: type[Packet], source: int, dest: int) -> Packet:
    """Any checksum, since the program changes the one that is there; some resets."""
    fields = {"flags": rng.choice(("S", "A", "A", "A", "R"))} if layer4 is TCP else {}
    return layer4(sport=source, dport=dest, chksum=rng.randrange(1 << 16), **fields) / BODY


NUMBERS = [*range(100), 5000]  # the last by mistake: there is no such translation
MAPS = {
    "free_numbers": [
        {"key": position.to_bytes(4, "little").hex(), "value": number.to_bytes(4, "little").hex()}
        for position, number in enumerate(NUMBERS)
    ]
}
