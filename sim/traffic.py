"""Ready-made traffic for ``--traffic``: named mixes, or any scapy expression. The same seed gives the same frames."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..hdl.errors import InputError
from ..hdl.frame_sizes import MIN_FRAME
from .captures import Frame
from .traffic_random import random_frames

INTERVAL_NS = 1000  # between the arrival times of two generated frames
FLOWS = 1 << 16  # of many-flows
SOURCE_MAC, TARGET_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
SOURCE_IP, TARGET_IP = "192.0.2.1", "198.51.100.1"
SOURCE_IP6, TARGET_IP6 = "2001:db8::1", "2001:db8::2"


@dataclass(frozen=True)
class Mix:
    """One named mix. ``frames(seed)`` never ends."""

    summary: str
    frames: Callable[[int], Iterator[bytes]]


def traffic(what: str, count: int, seed: int = 1) -> Iterator[Frame]:
    """``count`` frames of a mix of `MIXES` or of a scapy expression, whose packets are repeated in order.

    Frame i arrives at i * `INTERVAL_NS`. Raises `InputError` for what is neither.
    """
    if count < 0:
        raise InputError(f"{count} frames cannot be generated: give a count of 0 or more")
    mix = MIXES.get(what)
    frames = mix.frames(seed) if mix is not None else _expression(what, seed)
    return (
        Frame(data, time_ns=index * INTERVAL_NS) for index, data in enumerate(itertools.islice(frames, count))
    )


def _one_flow(seed: int) -> Iterator[bytes]:
    return itertools.repeat(_Udp(64).frame(1024))


def _64b(seed: int) -> Iterator[bytes]:
    template = _Udp(64)
    return itertools.cycle([template.frame(flow) for flow in range(256)])


def _many_flows(seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    template = _Udp(64)
    while True:
        yield template.frame(rng.randrange(FLOWS))


def _imix(seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    pool = [_Udp(size) for size, share in ((60, 7), (590, 4), (1514, 1)) for _ in range(share)]
    while True:
        yield rng.choice(pool).frame(rng.randrange(1024))


def _random(seed: int) -> Iterator[bytes]:
    for part in itertools.count():  # in parts, because a generator of all would need a count
        yield from random_frames(seed + part * 0x1_0000_0000, 4096)


def _malformed(seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    whole = _protocols()
    while True:
        frame = bytearray(rng.choice(whole))
        if rng.random() < 0.5:  # cut inside a header
            del frame[rng.randint(MIN_FRAME, min(len(frame), 80)) :]
        # Length, version and type fields are all in the first headers; extreme values break more than random ones.
        for _ in range(rng.randint(0, 3)):
            frame[rng.randrange(12, min(len(frame), 64)) if len(frame) > 12 else 0] = rng.choice(
                (0x00, 0x01, 0x0F, 0x4F, 0x40, 0x60, 0x7F, 0x80, 0xFF, rng.randrange(256))
            )
        yield bytes(frame)


MIXES = {
    "64b": Mix("64-byte UDP frames of 256 flows, in turn", _64b),
    "imix": Mix("IP packets of 40, 576 and 1500 bytes, 7:4:1, of 1,024 flows", _imix),
    "one-flow": Mix("one 64-byte UDP frame again and again", _one_flow),
    "many-flows": Mix("64-byte UDP frames, each of one of 65,536 flows", _many_flows),
    "random": Mix("valid, cut and damaged frames of many protocols, 14 to 1,514 bytes", _random),
    "malformed": Mix("frames of many protocols with headers cut or fields broken", _malformed),
}


class _Udp:
    """A UDP frame of ``size`` bytes whose source address and port tell the flow; checksums are right."""

    def __init__(self, size: int) -> None:
        layers = _scapy()
        packet = layers.IP(src="0.0.0.0", dst=TARGET_IP) / layers.UDP(sport=0, dport=53) / bytes(max(size - 42, 0))
        frame = bytes(layers.Ether(src=SOURCE_MAC, dst=TARGET_MAC) / packet)
        self._head, self._middle, self._tail = frame[:24], frame[30:34], frame[42:]
        self._ports_and_length = struct.unpack_from("!HHH", frame, 34)
        # The ones' complement sums without the source: what is added later is added to these.
        self._ip_sum = ~struct.unpack_from("!H", frame, 24)[0] & 0xFFFF
        self._udp_sum = ~struct.unpack_from("!H", frame, 40)[0] & 0xFFFF

    def frame(self, flow: int) -> bytes:
        """The frame of flow number ``flow`` (16 bits)."""
        high, low, port = 0x0A00, flow, 1024 + flow % 60000
        ip_checksum = _checksum(self._ip_sum + high + low)
        udp_checksum = _checksum(self._udp_sum + high + low + port) or 0xFFFF  # RFC 768: 0 would mean none
        _, target_port, length = self._ports_and_length
        return (
            self._head
            + struct.pack("!HHH", ip_checksum, high, low)
            + self._middle
            + struct.pack("!HHHH", port, target_port, length, udp_checksum)
            + self._tail
        )


def _checksum(total: int) -> int:
    """RFC 1071."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _protocols() -> list[bytes]:
    """One good frame of each kind that programs parse."""
    s = _scapy()
    ether = s.Ether(src=SOURCE_MAC, dst=TARGET_MAC)
    ip, ip6 = s.IP(src=SOURCE_IP, dst=TARGET_IP), s.IPv6(src=SOURCE_IP6, dst=TARGET_IP6)
    options = s.IP(src=SOURCE_IP, dst=TARGET_IP, options=[s.IPOption(b"\x94\x04\x00\x00")])
    tcp, udp = s.TCP(sport=1234, dport=80, flags="S"), s.UDP(sport=1234, dport=53)
    payload = bytes(32)
    return [
        bytes(packet)
        for packet in (
            ether / ip / tcp / payload,
            ether / ip / udp / payload,
            ether / options / udp / payload,
            ether / ip / s.ICMP() / payload,
            ether / ip6 / tcp / payload,
            ether / ip6 / udp / payload,
            ether / s.Dot1Q(vlan=7) / ip / tcp / payload,
            ether / s.Dot1Q(vlan=7) / s.Dot1Q(vlan=8) / ip6 / udp / payload,
            ether / s.ARP(hwsrc=SOURCE_MAC, psrc=SOURCE_IP, pdst=TARGET_IP) / payload,
        )
    ]


def _scapy() -> Any:
    """scapy's layers, loaded when needed: that takes a second."""
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy import all as layers

    return layers


def _expression(text: str, seed: int) -> Iterator[bytes]:
    layers = _scapy()
    names = {name: getattr(layers, name) for name in dir(layers) if not name.startswith("_")}
    random.seed(seed)  # what scapy draws from

    def frames() -> list[bytes]:
        # The expression is the user's own code; no builtins, so that a slip does not become something else.
        packets = list(eval(text, {"__builtins__": {}, "bytes": bytes, "range": range}, names))
        if not packets or not all(isinstance(packet, layers.Packet) for packet in packets):
            raise TypeError("it gives no packets")
        return [_build(packet, layers) for packet in packets]

    try:
        first = frames()
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, AttributeError):  # all that scapy says is the name
            reason = f"there is no field {reason} in that layer"
        raise InputError(
            f"traffic {text!r}: {reason}: give one of {', '.join(MIXES)}, or packets in scapy's notation as "
            "'Ether()/IP(dst=\"192.0.2.7\")/UDP(dport=[53,80])'"
        ) from None
    if "Rand" in text or "fuzz" in text:  # another draw each time
        return itertools.chain(first, (frame for _ in itertools.count() for frame in frames()))
    return itertools.cycle(first)


def _build(packet: Any, layers: Any) -> bytes:
    """A packet's bytes, with addresses that scapy would otherwise ask this machine's network for."""
    packet = packet.copy()
    if not isinstance(packet, layers.Ether):
        packet = layers.Ether() / packet
    defaults = {
        layers.Ether: {"src": SOURCE_MAC, "dst": TARGET_MAC},
        layers.IP: {"src": SOURCE_IP},
        layers.IPv6: {"src": SOURCE_IP6},
        layers.ARP: {"hwsrc": SOURCE_MAC, "psrc": SOURCE_IP},
    }
    for layer, values in defaults.items():
        if layer in packet:
            for name, value in values.items():
                packet[layer].fields.setdefault(name, value)
    return bytes(packet)


def mixes() -> Iterable[tuple[str, str]]:
    """Name and summary of every mix, for help texts."""
    return ((name, mix.summary) for name, mix in MIXES.items())
