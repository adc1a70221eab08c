"""The frames in the pipeline, kept whole in block memory: for reads far behind the window, or at places all over it.

The window carries a frame's front in registers, from stage to stage; that is right for bytes at known places, and far
too dear for "some byte of the first 2,000". Such reads come here: one memory port each, whatever the distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .area import Area
from .maps.base import SiteKind
from .maps.unit import SiteSignature, offsets, port_bits
from .verilog_memory import NO_COLLISIONS

SHORT_SLOT = 84
"""Bytes of the time that the shortest frames take on a wire, of which there may be most: what long ones bring in it."""

UNIT = "frame store"
"""Stands where sites name a map; no map's name has a space."""


@cache
def read_kind(size: int) -> SiteKind:
    """A read of ``size`` bytes, at most a beat, of the frame as received.

    Operands: ``place`` (16 bits, the input of that name), ``offset`` (16 bits: bytes from the frame's start). Bytes
    behind the frame's end are undefined. The beats are fetched in the first stage and shifted in the second.
    """
    return SiteKind(
        f"read{8 * size}",
        operands=(("place", 16), ("offset", 16)),
        results=(("data", 8 * size),),
        latency=2,
        touch=(0, 0),
        reads=frozenset(),  # nobody writes a frame in flight
        writes=frozenset(),
    )


@dataclass(frozen=True, slots=True)
class FrameStoreShape:
    """``width``: bytes a beat. ``beats``: of all frames in flight together, a power of two. ``frames``: how many frames
    may be in flight."""

    width: int
    beats: int
    frames: int

    @staticmethod
    def of(width: int, max_frame: int, frames: int, ii: int = 1) -> FrameStoreShape:
        """Room for ``frames`` short frames at line rate, one every ``ii`` cycles, or for two of ``max_frame`` bytes, of
        which one comes in."""
        wanted = 2 * -(-max_frame // width) + frames * min(ii, -(-SHORT_SLOT // width))
        return FrameStoreShape(width, 1 << (wanted - 1).bit_length(), frames)


class FillSignature(wiring.Signature):
    """How a frame gets into the store, as seen from the store.

    ``write``: a beat of ``data`` (8 * width bits), only while not ``full``. ``commit``: with or after the last beat;
    ``rollback`` with it forgets the frame.
    """

    def __init__(self, width: int) -> None:
        super().__init__({
            "write": In(1),
            "data": In(8 * width),
            "commit": In(1),
            "rollback": In(1),
            "full": Out(1),
        })


class FrameStore(wiring.Component):
    """A ring of beats with a read port for each site.

    ``fill`` (`FillSignature`). ``place`` Out(16): where the last frame that was committed begins, for the pipeline to
    carry along; ``enter``: that frame goes into the pipeline; ``leave``: the oldest one in there has gone, its beats
    are free.
    ``sites[i]``: `SiteSignature` of ``read_kind(sizes[i])``.

    Bytes are read from two neighbouring beats, so beats lie in two banks by turns.
    """

    def __init__(self, shape: FrameStoreShape, kinds: Sequence[SiteKind]) -> None:
        self.shape = shape
        self._kinds = tuple(kinds)
        super().__init__({
            "fill": Out(FillSignature(shape.width)),
            "place": Out(16),
            "enter": In(1),
            "leave": In(1),
            **{f"site{i}": Out(SiteSignature(kind)) for i, kind in enumerate(kinds)},
        })
        self.sites = [getattr(self, f"site{i}") for i in range(len(kinds))]

    def logic(self) -> Area:
        """An estimate of what it takes beside its memories."""
        bits = sum(port_bits(port) for site in self.sites for port in (site.operands, site.results))
        return Area(lut4=bits, flip_flops=bits)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width, beats, fill = self.shape.width, self.shape.beats, self.fill
        banks = [Memory(shape=8 * width, depth=beats // 2, init=[], attrs=NO_COLLISIONS) for _ in range(2)]
        m.submodules.even, m.submodules.odd = banks

        # Pointers count modulo twice the number of beats, so that full and empty differ.
        bits = beats.bit_length()
        written, committed, freed, end = (Signal(bits, name=name) for name in ("written", "committed", "freed", "end"))
        after_write = Signal(bits)
        m.d.comb += [
            fill.full.eq((written - freed)[:bits] == beats),
            after_write.eq(Mux(fill.commit & fill.rollback, committed, written + fill.write)),
        ]
        m.d.sync += written.eq(after_write)
        with m.If(fill.commit & ~fill.rollback):
            m.d.sync += [self.place.eq(committed[: bits - 1]), end.eq(after_write), committed.eq(after_write)]

        m.submodules.ends = ends = SyncFIFO(width=bits, depth=self.shape.frames)
        m.d.comb += [ends.w_data.eq(end), ends.w_en.eq(self.enter), ends.r_en.eq(self.leave)]
        with m.If(self.leave):
            m.d.sync += freed.eq(ends.r_data)

        for number, bank in enumerate(banks):
            port = bank.write_port()
            m.d.comb += [
                port.addr.eq(written >> 1),
                port.data.eq(fill.data),
                port.en.eq(fill.write & (written[0] == number)),
            ]
        for kind, site in zip(self._kinds, self.sites, strict=True):
            self._serve(m, banks, kind, site)
        return m

    def _serve(self, m: Module, banks: Sequence[Memory], kind: SiteKind, site: Any) -> None:
        width = self.shape.width
        within = (width - 1).bit_length()
        even, odd = (bank.read_port() for bank in banks)
        first = Signal(range(self.shape.beats))
        shift, swap = Signal(within), Signal()
        window = Signal(16 * width)
        m.d.comb += [
            first.eq(site.operands.place + (site.operands.offset >> within)),
            even.addr.eq((first + 1)[: len(first)] >> 1),
            odd.addr.eq(first >> 1),
            even.en.eq(site.enable[0]),
            odd.en.eq(site.enable[0]),
            window.eq(Mux(swap, Cat(odd.data, even.data), Cat(even.data, odd.data))),
        ]
        with m.If(site.enable[0]):
            m.d.sync += [shift.eq(site.operands.offset[:within]), swap.eq(first[0])]
        with m.If(site.enable[1]):
            m.d.sync += site.results.data.eq(window >> Cat(0, 0, 0, shift)[: within + 3])
        assert offsets(kind) == 3
