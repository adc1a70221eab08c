"""The reference interpreter's memory: regions at 64-bit addresses, with a trap on every illegal access.

The upper 32 bits of an address name the region. Its bytes start in the middle of the 4 GiB, so that what runs over
either end is still known as an access to this region. Region 0 does not exist: small numbers are no addresses.
"""

from __future__ import annotations

from ..hdl.errors import HardpathError, Place

_REGION_BITS = 32
_OFFSET = (1 << _REGION_BITS) - 1
_START = 1 << 31


class Trap(HardpathError):
    """The program did what a safe program never does."""

    def __init__(self, reason: str, place: Place | None = None) -> None:
        super().__init__(reason, place)
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        return f"Trap: {self.reason}" + (f"\n  At:         {self.place}" if self.place else "")


class Region:
    """Bytes that a program can address. ``low`` to ``high`` are accessible."""

    def __init__(self, name: str, data: bytearray, *, writable: bool = True, atomic: bool = True) -> None:
        self.name = name
        self.data = data
        self.low = 0
        self.high = len(data)
        self.writable = writable
        self.atomic = atomic  # whether atomic instructions may touch it

    def check(self, offset: int, size: int) -> None:
        if offset < self.low or offset + size > self.high:
            here = f"bytes {offset - self.low} to {offset - self.low + size} of {self.high - self.low}"
            raise Trap(f"access outside {self.name}: {here}")

    def load(self, offset: int, size: int) -> bytes:
        self.check(offset, size)
        return bytes(self.data[offset : offset + size])

    def store(self, offset: int, data: bytes) -> None:
        self.check(offset, len(data))
        if not self.writable:
            raise Trap(f"write to {self.name}, which is read-only")
        self.data[offset : offset + len(data)] = data

    def written(self, offset: int, size: int, slot: int) -> None:
        """Told after a store by the program: which instruction it was."""


class Stack(Region):
    """The 512 bytes of one function call. What was never written reads as ``fill``."""

    SIZE = 512

    def __init__(self, depth: int, fill: int = 0) -> None:
        super().__init__(f"the stack of call depth {depth}", bytearray([fill]) * self.SIZE)


class Memory:
    """Regions by number."""

    def __init__(self) -> None:
        self._regions: dict[int, Region] = {}

    def map(self, number: int, region: Region) -> int:
        """Put a region in; returns the address of its byte 0."""
        self._regions[number] = region
        return (number << _REGION_BITS) + _START

    def unmap(self, number: int) -> None:
        del self._regions[number]

    def unmap_at(self, address: int) -> int:
        """Take away the region of an address; its number."""
        number = address >> _REGION_BITS
        self.unmap(number)
        return number

    def locate(self, address: int) -> tuple[Region, int]:
        """The region of an address and the offset in it. Raises `Trap`."""
        region = self._regions.get(address >> _REGION_BITS)
        if region is None:
            raise Trap(f"access to 0x{address:x}, which is no memory" if address else "access through NULL")
        return region, (address & _OFFSET) - _START

    def load(self, address: int, size: int) -> bytes:
        region, offset = self.locate(address)
        return region.load(offset, size)

    def store(self, address: int, data: bytes, slot: int) -> None:
        region, offset = self.locate(address)
        region.store(offset, data)
        region.written(offset, len(data), slot)
