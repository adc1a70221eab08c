"""Random frames with structure: real protocol stacks, cut, stretched and lied about, from a seed.

Pure Python without scapy: tests and fuzzing want hundreds of thousands of them.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence

SHORTEST, LONGEST = 14, 1514

_HOSTS = 4  # addresses and ports come from a small set, so that maps see the same keys again
_PORTS = (53, 80, 443, 4789, 8080, 22, 1024, 65535)


def random_frames(
    seed: int, count: int, *, longest: int = LONGEST, like: Sequence[bytes] = (), words: Sequence[bytes] = ()
) -> Iterator[bytes]:
    """``count`` frames of 14 to ``longest`` bytes; the same arguments give the same frames.

    Half of them start from one of ``like``, frames that are known to interest a program, when there are any; some get
    one of ``words`` somewhere in their headers.
    """
    generator = FrameGenerator(random.Random(seed), longest, like, words)
    for _ in range(count):
        yield generator.frame()


class FrameGenerator:
    """Makes frames, one after the other, with ``rng``."""

    def __init__(
        self, rng: random.Random, longest: int = LONGEST, like: Sequence[bytes] = (), words: Sequence[bytes] = ()
    ) -> None:
        self._rng = rng
        self._longest = longest
        self._like = like
        self._words = words
        self._past: list[bytes] = []

    def frame(self) -> bytes:
        """The next frame: mostly well formed, often repeated or damaged."""
        rng = self._rng
        if self._past and rng.random() < 0.25:
            frame = rng.choice(self._past)  # one flow, back to back
        elif self._like and rng.random() < 0.5:
            frame = rng.choice(self._like)
        else:
            frame = self._ethernet() if rng.random() < 0.93 else rng.randbytes(rng.randint(14, 128))
        damage = rng.random()
        if damage < 0.12:
            frame = self._truncate(frame)
        elif damage < 0.20:
            frame = self._flip(frame)
        elif damage < 0.24:
            frame += rng.randbytes(rng.randint(1, self._longest))
        if self._words and rng.random() < 0.4:
            frame = self._with_word(frame)
        frame = frame[: self._longest].ljust(SHORTEST, b"\0")
        self._past = [*self._past[-7:], frame]
        return frame

    def _truncate(self, frame: bytes) -> bytes:
        return frame[: self._rng.randint(SHORTEST, max(SHORTEST, len(frame)))]

    def _flip(self, frame: bytes) -> bytes:
        """Some header bytes replaced."""
        damaged = bytearray(frame)
        for _ in range(self._rng.randint(1, 4)):
            damaged[self._rng.randrange(min(len(damaged), 64))] = self._rng.choice((0, 0xFF, self._byte()))
        return bytes(damaged)

    def _with_word(self, frame: bytes) -> bytes:
        """One word in place of what is there."""
        word = self._rng.choice(self._words)
        start = self._rng.randrange(min(len(frame), 64))
        start -= start % min(len(word), 2)  # fields of several bytes begin at even offsets
        return frame[:start] + word + frame[start + len(word) :]

    def _byte(self) -> int:
        return self._rng.randrange(256)

    def _payload(self) -> bytes:
        """Lengths that hardware trips over: nothing, beat boundaries, the longest, anything."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.3:
            size = rng.randint(0, 18)
        elif kind < 0.8:
            size = rng.randint(0, 160)
        else:
            size = rng.randint(0, self._longest)
        return rng.randbytes(size)

    # Layers: each returns the bytes from its header to the end of the frame

    def _ethernet(self) -> bytes:
        rng = self._rng
        kinds: list[tuple[int, Callable[[], bytes]]] = [
            (0x0800, self._ipv4), (0x0800, self._ipv4), (0x0800, self._ipv4), (0x86DD, self._ipv6),
            (0x0806, self._arp), (rng.randrange(1 << 16), self._payload),
        ]  # fmt: skip
        ethertype, layer = rng.choice(kinds)
        tags = b""
        if rng.random() < 0.25:
            for tag in rng.choices((0x8100, 0x88A8), k=rng.randint(1, 3)):
                tags += struct.pack(">HH", tag, rng.choice((0, 1, 5, 4095, rng.randrange(1 << 16))))
        return self._mac() + self._mac() + tags + struct.pack(">H", ethertype) + layer()

    def _mac(self) -> bytes:
        return bytes((2, 0, 0, 0, 0, self._rng.randrange(_HOSTS))) if self._rng.random() < 0.9 else b"\xff" * 6

    def _arp(self) -> bytes:
        addresses = self._mac() + self._ipv4_address() + self._mac() + self._ipv4_address()
        return struct.pack(">HHBBH", 1, 0x0800, 6, 4, self._rng.choice((1, 2))) + addresses

    def _ipv4_address(self) -> bytes:
        return bytes((10, 0, 0, self._rng.randrange(_HOSTS)))

    def _ipv6_address(self) -> bytes:
        return bytes.fromhex("20010db8") + bytes(11) + bytes((self._rng.randrange(_HOSTS),))

    def _ipv4(self) -> bytes:
        rng = self._rng
        options = rng.randbytes(4 * rng.randint(0, 10)) if rng.random() < 0.25 else b""
        protocol, payload = self._transport()
        words = 5 + len(options) // 4
        total = 4 * words + len(payload)
        if rng.random() < 0.1:  # lengths that lie
            words = rng.randrange(16)
        if rng.random() < 0.1:
            total = rng.randrange(1 << 16)
        fragment = rng.choice((0x4000, 0, 0, 0x2000, rng.randrange(1 << 13)))
        header = struct.pack(
            ">BBHHHBBH", 0x40 | words, rng.choice((0, 0x10, 0xB8)), total & 0xFFFF, rng.randrange(1 << 16),
            fragment, rng.choice((0, 1, 2, 64, 255)), protocol, 0,
        )  # fmt: skip
        header += self._ipv4_address() + self._ipv4_address() + options
        if rng.random() < 0.8:
            header = header[:10] + struct.pack(">H", _checksum(header)) + header[12:]
        return header + payload

    def _ipv6(self) -> bytes:
        rng = self._rng
        protocol, payload = self._transport(icmp=58)
        extensions = b""
        if rng.random() < 0.2:  # hop-by-hop or destination options in front
            size = rng.choice((0, 1, 2, 255))
            extensions = bytes((protocol, size)) + rng.randbytes(6 + 8 * min(size, 2))
            protocol = rng.choice((0, 60))
        first = struct.pack(">IHBB", 0x60000000 | rng.randrange(1 << 20), len(payload) & 0xFFFF, protocol, 64)
        return first + self._ipv6_address() + self._ipv6_address() + extensions + payload

    def _transport(self, icmp: int = 1) -> tuple[int, bytes]:
        """(protocol number, bytes)."""
        rng = self._rng
        ports = struct.pack(">HH", rng.choice(_PORTS), rng.choice(_PORTS))
        kind = rng.choice(("tcp", "tcp", "udp", "udp", "icmp", "other"))
        payload = self._payload()
        if kind == "tcp":
            flags = rng.choice((0x02, 0x12, 0x10, 0x18, 0x11, 0x04, self._byte()))
            offset = rng.choice((5, 5, 5, 8, 15, rng.randrange(16)))
            header = struct.pack(">IIBBHHH", rng.randrange(1 << 32), 0, offset << 4, flags, 65535, 0, 0)
            return 6, ports + header + payload
        if kind == "udp":
            length = 8 + len(payload) if rng.random() < 0.9 else rng.randrange(1 << 16)
            return 17, ports + struct.pack(">HH", length & 0xFFFF, rng.randrange(1 << 16)) + payload
        if kind == "icmp":
            kinds = (8, 0, 3, 11) if icmp == 1 else (128, 129, 135, 136)
            message = struct.pack(">BBHHH", rng.choice(kinds), 0, 0, rng.randrange(1 << 16), 1) + payload
            return icmp, message[:2] + struct.pack(">H", _checksum(message)) + message[4:]
        return self._byte(), payload


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
