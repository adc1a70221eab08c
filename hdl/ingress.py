"""From received beats to a window for the program: gather, measure, and drop what is no frame."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .frame_sizes import MIN_FRAME
from .stream import frame_layout, mask_bytes, receipt_layout, window_layout


def payload_beats(width: int, window: int, max_frame: int) -> int:
    """Most beats that a frame can have behind its window."""
    return max(0, -(-max_frame // width) - window // width)


DROPS = data.StructLayout({
    "error": 1,  # the receiver said so, or ``keep`` has a gap
    "oversize": 1,  # longer than max_frame
    "runt": 1,  # shorter than MIN_FRAME
})
"""Why a frame did not reach the program: one of these, the first that holds."""


class Ingress(wiring.Component):
    """Store and forward: hands a frame's window on when its last beat is in.

    ``width`` W: bytes a beat, one of `WIDTHS`. ``window`` H: bytes, a multiple of W. ``max_frame``: bytes, from
    MIN_FRAME to LONGEST_FRAME.

    ``output`` (`window_layout`) has one item for each good frame; ``receipt`` (`receipt_layout`) belongs to
    it. Beats behind the window go to the payload FIFO (``payload_*``), zero behind the frame's end, so that
    payload beat 0 is bytes H .. H+W-1. The same data, all beats with ``store_write``, fill the frame store if there is
    one; ``store_full`` holds the frame back. ``now`` is the cycle count for the receipt.

    ``received``: a frame of ``received_length`` bytes was good; ``dropped``: a frame was dropped. Both for
    one cycle, the one after the last beat.
    """

    def __init__(self, width: int, window: int, max_frame: int) -> None:
        self.width = width
        self.window = window
        self.max_frame = max_frame
        self.payload_beats = payload_beats(width, window, max_frame)
        super().__init__({
            "rx": In(stream.Signature(frame_layout(width))),
            "now": In(32),
            "output": Out(stream.Signature(window_layout(window))),
            "receipt": Out(receipt_layout(self.payload_beats)),
            "payload_data": Out(8 * width),
            "payload_write": Out(1),
            "payload_commit": Out(1),
            "payload_rollback": Out(1),
            "payload_full": In(1),
            "store_write": Out(1),
            "store_full": In(1),
            "received": Out(1),
            "received_length": Out(16),
            "dropped": Out(DROPS),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width, beat = self.width, self.rx.payload
        window_beats = self.window // width
        frame_beats = -(-self.max_frame // width)

        count = Signal(range(frame_beats + 1))  # beats of the frame before this one; stays at frame_beats
        beyond = count == frame_beats
        stores = (count >= window_beats) & ~beyond
        take = Signal()
        last = Signal()
        good = Signal()
        drop = Signal(DROPS)
        m.d.comb += [
            self.rx.ready.eq(
                (~self.output.valid | self.output.ready) & ~(stores & self.payload_full) & ~self.store_full
            ),
            take.eq(self.rx.valid & self.rx.ready),
            last.eq(take & beat.last),
        ]
        with m.If(take):
            m.d.sync += count.eq(Mux(beat.last, 0, Mux(beyond, count, count + 1)))

        # ``keep`` is ones from the bottom, so one bit marks where it ends.
        keep = beat.keep
        ends = keep & ~(keep >> 1)
        used = reduce(or_, (Mux(ends[i], i + 1, 0) for i in range(width)))
        gap = ~keep[0] | (keep & ~(keep << 1))[1:width].any() | (~beat.last & ~keep[width - 1])
        torn = Signal()
        length = Signal(16)
        m.d.comb += [
            length.eq(count * width + used),
            drop.error.eq(torn | gap | (beat.last & beat.error)),
            drop.oversize.eq(~drop.error & (beyond | (length > self.max_frame))),
            drop.runt.eq(~drop.error & ~drop.oversize & (length < MIN_FRAME)),
            good.eq(~Value.cast(drop).any()),
        ]
        with m.If(take):
            m.d.sync += torn.eq(~beat.last & drop.error)

        kept = Signal(8 * width)
        m.d.comb += kept.eq(mask_bytes(beat.data, keep))
        self._gather(m, take & (count == 0), take, count, kept)
        with m.If(last):
            m.d.sync += self.output.payload.length.eq(length)
        with m.If(~self.output.valid | self.output.ready):
            m.d.sync += self.output.valid.eq(last & good)

        m.d.comb += [
            self.payload_data.eq(kept),
            self.payload_write.eq(take & stores),
            self.store_write.eq(take & ~beyond),
            self.payload_commit.eq(last),
            self.payload_rollback.eq(last & ~good),
        ]
        beats = Mux(stores, count - (window_beats - 1), 0)
        with m.If(last):
            m.d.sync += self.receipt.beats.eq(beats)
        m.d.sync += [
            self.received.eq(last & good),
            self.received_length.eq(length),
            self.dropped.eq(Mux(last, Value.cast(drop), 0)),
        ]
        return m

    def _gather(self, m: Module, first: Value, take: Value, count: Value, kept: Value) -> None:
        """Fill the window register and what belongs to the first beat."""
        beat, output = self.rx.payload, self.output.payload
        for i in range(self.window // self.width):
            with m.If(take & (count == i)):
                m.d.sync += output.window.word_select(i, 8 * self.width).eq(kept)
            if i > 0:
                with m.If(first):
                    m.d.sync += output.window.word_select(i, 8 * self.width).eq(0)
        with m.If(first):
            m.d.sync += [
                output.ifindex.eq(beat.ifindex),
                output.rx_queue.eq(beat.rx_queue),
                output.time_ns.eq(beat.time_ns),
                self.receipt.stamp.eq(self.now),
                self.receipt.source.eq(beat.ifindex),
            ]
