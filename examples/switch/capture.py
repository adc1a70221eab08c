"""Stations on four ports talk, move, and are talked to before anyone has heard of them."""

from collections.abc import Iterator

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

PORTS = range(2, 6)
"""Interface 6 is no port of the switch."""

MAPS = {"ports": [{"key": number.to_bytes(4, "little").hex(), "value": number.to_bytes(4, "little").hex()}
                  for number in PORTS]}  # fmt: skip

EVERYONE = "ff:ff:ff:ff:ff:ff"


def station(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def frames() -> Iterator[Packet]:
    def frame(port: int, source: str, target: str, payload: Packet | None = None) -> Packet:
        sent = Ether(src=source, dst=target) / (IP(dst="192.0.2.1") / UDP() if payload is None else payload)
        sent.sniffed_on = f"port{port}"
        return sent

    for port in (*PORTS, 6):
        yield frame(port, station(port), EVERYONE, ARP(pdst="192.0.2.1"))
    for port in PORTS:
        for target in range(1, 8):
            yield frame(port, station(port), station(target))
    yield frame(3, station(2), station(5))  # has moved
    yield frame(4, station(4), station(2))
    yield frame(4, station(9), station(4))  # on the same port
    yield frame(2, station(5), station(5))
    yield frame(5, "03:00:00:00:00:01", station(1))
    for last in (0x00, 0x0E, 0x0F, 0x10):
        yield frame(3, station(2), f"01:80:c2:00:00:{last:02x}")
    yield frame(3, station(2), "01:00:5e:00:00:05")
    for _ in range(3):
        yield frame(2, station(20), station(21))
        yield frame(5, station(21), station(20))
