"""The whole device between its streams: ingress, a program's pipeline, egress, measurement and control."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from .control import Control, Identity
from .egress import Egress
from .event_queue import EventQueue
from .events import FRAME_BITS, SITE_BITS, EventStream, data_bytes
from .frame_tags import FrameTags
from .ingress import Ingress
from .latency import Probe
from .payload_fifo import PayloadFifo
from .stream import SOURCE_BITS, Skid, outcome_layout, receipt_layout
from .window_queue import WindowQueue

_STAMPED = {"now": In(32), "rx_stamp": In(32), "tx_stamp": Out(32), "result_source": Out(SOURCE_BITS)}


def payload_depth(beats: int, residence: int) -> int:
    """Beats of payload that wait at most at line rate: those of a frame that has come in, ``beats``, and what comes
    in the ``residence`` cycles until it is sent."""
    return beats + residence + 4


class Datapath(wiring.Component):
    """``pipeline``: a component with ``input`` (stream of `window_layout`) and ``output`` (stream of the fields
    of `outcome_layout`), ``hosts`` (map name -> `HostSignature`) if it has maps, ``stall_causes`` (a bit for
    each of ``identity.stalls``) if there are any, ``store`` (`hdl.frame_store.FillSignature`, or None), and ``tap``, a
    port for reading the store, if there are events with tails. It may hold up to ``in_flight`` frames, each for
    ``residence`` cycles unless it is held back, and has to take some in while egress is busy with a long one: that time
    is in ``residence``.

    ``outcomes``: how many wait for egress in a `WindowQueue`, 0 if it has none. They are not counted in ``in_flight``.

    ``identity``: the stream width W, window H (a multiple of W), headroom G and so on. Its ``events`` are those that a
    frame can have (outputs ``event<k>`` of the pipeline, see `EventStream`); they leave through ``event_*``, ports that
    are there only then, or wait in an `EventQueue` for the control bus. ``start`` and
    ``tail_fixed`` as in `Egress`.

    The ports are those of docs/architecture.md, flat, as plain Verilog users expect them: ``rx_*`` and
    ``tx_*`` (AXI4-Stream conventions; ``tx_verdict``, ``tx_redirect`` and ``tx_source``,
    the low bits of the frame's ifindex, with every beat), ``result_*`` (one
    pulse a frame, `hdl.latency.RESULT`), ``bus_*`` (`hdl.control`).

    ``tag``: bits that go past the program with each frame, for what is around the datapath: ``rx_tag``, valid with the
    first beat, comes back as ``tx_tag`` with every beat, and so does the length of what is sent, ``tx_length`` (bytes).
    These ports are there only if there is a tag.

    ``stamped``: frames bring the time with them from which their latency counts: ``rx_stamp`` In(32), valid with the
    first beat, in terms of ``now`` In(32), one more each cycle; ``tx_stamp`` Out(32) with every beat, ``result_source``
    (as ``tx_source``) with every result. These ports are there only then.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        identity: Identity,
        in_flight: int,
        residence: int,
        outcomes: int = 0,
        start: int | None = None,
        tail_fixed: bool = False,
        tag: int = 0,
        stamped: bool = False,
    ) -> None:
        self.pipeline = pipeline
        self.stamped = stamped
        self.in_flight = in_flight + outcomes
        self.identity = identity
        width, window, headroom = identity.width, identity.window, identity.headroom
        self.ingress = Ingress(width, window, identity.max_frame)
        beats = self.ingress.payload_beats
        self.payload = PayloadFifo(8 * width, payload_depth(beats, residence))
        queued = outcomes > 0
        self.egress = Egress(width, window, headroom, beats, self.payload.depth, start, tail_fixed, queued)
        self.outcomes = WindowQueue(self.egress.window_words, outcomes) if queued else None
        events, depth = identity.event_shapes, identity.event_queue
        self.events = EventStream(events, width) if events else None
        self.event_queue = EventQueue(events, width, identity.max_frame, depth) if events and depth else None
        # Some frames have left the receipts behind and are still on their way out.
        self.tags = FrameTags(tag, self.in_flight + 8) if tag else None
        self.probe = Probe(width)
        self.control = Control(identity)
        super().__init__({
            "rx_data": In(8 * width),
            "rx_keep": In(width),
            "rx_last": In(1),
            "rx_error": In(1),
            "rx_ifindex": In(32),
            "rx_queue": In(32),
            "rx_time": In(64),
            "rx_valid": In(1),
            "rx_ready": Out(1),
            "tx_data": Out(8 * width),
            "tx_keep": Out(width),
            "tx_last": Out(1),
            "tx_verdict": Out(3),
            "tx_redirect": Out(32),
            "tx_source": Out(SOURCE_BITS),
            "tx_valid": Out(1),
            "tx_ready": In(1),
            "result_valid": Out(1),
            "result_verdict": Out(3),
            "result_redirect": Out(32),
            "result_length": Out(16),
            "result_latency_first": Out(32),
            "result_latency_last": Out(32),
            "bus_address": In(16),
            "bus_write": In(1),
            "bus_wdata": In(32),
            "bus_valid": In(1),
            "bus_rdata": Out(32),
            "bus_ready": Out(1),
            **({"rx_tag": In(tag), "tx_tag": Out(tag), "tx_length": Out(16)} if tag else {}),
            **(_STAMPED if stamped else {}),
            **({} if self.events is None or self.event_queue is not None else {
                "event_site": Out(SITE_BITS),
                "event_frame": Out(FRAME_BITS),
                "event_last": Out(1),
                "event_data": Out(8 * data_bytes(events, width)),
                "event_valid": Out(1),
                "event_ready": In(1),
            }),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.ingress = self.ingress
        m.submodules.payload = self.payload
        m.submodules.pipeline = self.pipeline
        m.submodules.egress = self.egress
        if self.outcomes is not None:
            m.submodules.outcomes = self.outcomes
            wiring.connect(m, self.outcomes.output, self.egress.outcome)
            wiring.connect(m, self.outcomes.words, self.egress.words)
        m.submodules.probe = self.probe
        m.submodules.control = self.control
        if self.stamped:
            m.d.comb += [
                self.ingress.now.eq(self.rx_stamp),
                self.probe.now.eq(self.now),
                self.tx_stamp.eq(self.egress.output.payload.side.stamp),
            ]
            m.d.sync += self.result_source.eq(self.egress.output.payload.side.source)
        else:
            now = Signal(32)
            m.d.sync += now.eq(now + 1)
            m.d.comb += [self.ingress.now.eq(now), self.probe.now.eq(now)]
        self._connect_rx(m)
        self._connect_frames(m)
        self._connect_tx(m)
        self._connect_control(m)
        if self.tags is not None:
            m.submodules.tags = self.tags
            self._connect_tags(m, self.tags)
        if self.events is not None:
            m.submodules.events = self.events
            self._connect_events(m, self.events)
        return m

    def _connect_rx(self, m: Module) -> None:
        rx = self.ingress.rx
        m.d.comb += [
            rx.payload.data.eq(self.rx_data),
            rx.payload.keep.eq(self.rx_keep),
            rx.payload.last.eq(self.rx_last),
            rx.payload.error.eq(self.rx_error),
            rx.payload.ifindex.eq(self.rx_ifindex),
            rx.payload.rx_queue.eq(self.rx_queue),
            rx.payload.time_ns.eq(self.rx_time),
            rx.valid.eq(self.rx_valid),
            self.rx_ready.eq(rx.ready),
        ]

    def _connect_frames(self, m: Module) -> None:
        """Ingress to egress: window through the pipeline, payload and receipt around it."""
        ingress, pipeline, egress, payload = self.ingress, self.pipeline, self.egress, self.payload
        layout = receipt_layout(ingress.payload_beats)
        m.submodules.receipts = receipts = SyncFIFO(width=layout.size, depth=self.in_flight + 4)
        outcome, told = self._told(m)
        handed = pipeline.input.valid & pipeline.input.ready
        room = receipts.w_rdy if self.tags is None else receipts.w_rdy & self.tags.room
        m.d.comb += [
            # Room for a receipt is always there before the pipeline is full; if not, the frame waits.
            pipeline.input.valid.eq(ingress.output.valid & room),
            ingress.output.ready.eq(pipeline.input.ready & room),
            receipts.w_en.eq(handed),
            receipts.w_data.eq(ingress.receipt),
            egress.receipt.payload.eq(receipts.r_data),
            egress.receipt.valid.eq(receipts.r_rdy),
            receipts.r_en.eq(egress.receipt.ready),
            outcome.valid.eq(pipeline.output.valid & told),
            pipeline.output.ready.eq(outcome.ready & told),
            payload.write.eq(ingress.payload_write),
            payload.write_data.eq(ingress.payload_data),
            payload.commit.eq(ingress.payload_commit),
            payload.rollback.eq(ingress.payload_rollback),
            ingress.payload_full.eq(payload.full),
        ]
        store = getattr(pipeline, "store", None)
        if store is not None:
            m.d.comb += [
                store.write.eq(ingress.store_write),
                store.data.eq(ingress.payload_data),
                store.commit.eq(ingress.payload_commit),
                store.rollback.eq(ingress.payload_rollback),
                ingress.store_full.eq(store.full),
            ]
        for name in ("window", "length", "ifindex", "rx_queue", "time_ns"):
            m.d.comb += pipeline.input.payload[name].eq(ingress.output.payload[name])
        for name in ("verdict", "redirect", "start", "length", "limit", "window"):
            m.d.comb += outcome.payload[name].eq(pipeline.output.payload[name])
        wiring.connect(m, payload.output, egress.payload)

    def _connect_tags(self, m: Module, tags: FrameTags) -> None:
        leaving = self.egress.output
        m.d.comb += [
            tags.given.eq(self.rx_tag),
            tags.taken.eq(self.rx_valid & self.rx_ready),
            tags.last.eq(self.rx_last),
            tags.handed.eq(self.pipeline.input.valid & self.pipeline.input.ready),
            tags.left.eq(leaving.valid & leaving.ready & leaving.payload.side.last),
            self.tx_tag.eq(tags.tag),
            self.tx_length.eq(leaving.payload.side.length),
        ]

    def _told(self, m: Module) -> tuple[Any, Any]:
        """Where outcomes go, and whether the events of the frame that is next have been told. Egress keeps an outcome
        while it sends the frame, so where tails take long, a register lets the next frame tell its events meanwhile."""
        outcome = self.egress.outcome if self.outcomes is None else self.outcomes.input
        if self.events is None:
            return outcome, 1
        if not any(event.tail for event in self.identity.event_shapes):
            return outcome, self.events.done
        m.submodules.told = told = Skid(outcome_layout(self.identity.window, self.identity.headroom))
        wiring.connect(m, told.output, outcome)
        return told.input, self.events.done

    def _connect_tx(self, m: Module) -> None:
        leaving, probe, result = self.egress.output, self.probe, self.probe.result
        side = leaving.payload.side
        m.d.comb += [
            self.tx_data.eq(leaving.payload.data),
            self.tx_keep.eq(side.keep),
            self.tx_last.eq(side.last),
            self.tx_verdict.eq(side.verdict),
            self.tx_redirect.eq(side.redirect),
            self.tx_source.eq(side.source),
            self.tx_valid.eq(leaving.valid & side.send),
            leaving.ready.eq(self.tx_ready | ~side.send),
            probe.beat.eq(leaving.payload),
            probe.taken.eq(leaving.valid & leaving.ready),
            self.result_valid.eq(probe.valid),
            self.result_verdict.eq(result.verdict),
            self.result_redirect.eq(result.redirect),
            self.result_length.eq(result.length),
            self.result_latency_first.eq(result.latency_first),
            self.result_latency_last.eq(result.latency_last),
        ]

    def _connect_events(self, m: Module, events: EventStream) -> None:
        """A frame goes on to egress when all its events have been taken."""
        leaving, output = self.pipeline.output, events.output
        m.d.comb += [
            events.frame_valid.eq(leaving.valid),
            events.taken.eq(leaving.valid & leaving.ready),
        ]
        if self.event_queue is None:
            m.d.comb += [self.event_valid.eq(output.valid), output.ready.eq(self.event_ready)]
            for name in ("site", "frame", "last", "data"):
                m.d.comb += getattr(self, f"event_{name}").eq(output.payload[name])
        else:
            m.submodules.event_queue = queue = self.event_queue
            wiring.connect(m, output, queue.input)
            wiring.connect(m, queue.output, self.control.event)
            m.d.comb += [
                self.control.event_level.eq(queue.level),
                self.control.event_lost.eq(queue.lost),
                queue.lose.eq(self.control.event_lose),
            ]
        m.d.comb += [event.eq(leaving.payload[f"event{k}"]) for k, event in enumerate(events.events)]
        if (tap := getattr(self.pipeline, "tap", None)) is not None:
            wiring.connect(m, tap, events.fetch)

    def _connect_control(self, m: Module) -> None:
        control, ingress, probe = self.control, self.ingress, self.probe
        m.d.comb += [
            control.address.eq(self.bus_address),
            control.write.eq(self.bus_write),
            control.wdata.eq(self.bus_wdata),
            control.valid.eq(self.bus_valid),
            self.bus_rdata.eq(control.rdata),
            self.bus_ready.eq(control.ready),
            control.received.eq(ingress.received),
            control.received_length.eq(ingress.received_length),
            control.dropped.eq(ingress.dropped),
            control.result_valid.eq(probe.valid),
            control.result.eq(probe.result),
        ]
        if self.identity.stalls:
            m.d.comb += control.stalls.eq(self.pipeline.stall_causes)
        for shape, host in zip(self.identity.maps, control.hosts, strict=True):
            wiring.connect(m, host, self.pipeline.hosts[shape.name])
