"""The control bus: identification, counters, latency histograms and the maps, at the addresses of `hdl.registers`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from . import registers
from .counter_bank import CounterBank
from .errors import InputError, Refused
from .events import EventShape, event_layout
from .frame_sizes import LONGEST_FRAME, MIN_FRAME, WIDTHS
from .helpers.events import EventKind
from .ingress import DROPS
from .latency import RESULT, Histogram
from .maps.base import MapShape, without_lock
from .maps.linux import BPF_F_LOCK
from .maps.unit import HostOp, HostSignature
from .register_bus import BUS, RegisterBus
from .registers import COUNTERS, RegisterMap
from .verdicts import BROADCAST, XDP_REDIRECT
from .verilog_memory import IN_LOGIC


@dataclass(frozen=True)
class Identity:
    """The parameters of a device, which it also tells about itself.

    ``width`` W: bytes a beat; ``window`` H: bytes that the program gets, a multiple of W; ``headroom`` G: bytes in
    front of them; ``max_frame``: bytes. ``maps`` and ``stalls``: in the order of their numbers on the bus.
    ``events``: the kinds of events, by site; ``event_queue``: how many beats of them wait for the bus, 0 if they leave
    through ports.
    ``digest``: 32 bytes that name what was built. ``bins``: of each latency histogram.

    Raises `InputError` for parameters that make no device, `Refused` for maps that the control bus cannot reach.
    """

    program: str
    width: int
    window: int
    headroom: int
    max_frame: int
    maps: Sequence[MapShape] = ()
    stalls: Sequence[str] = ()
    digest: bytes = bytes(32)
    bins: int = 1024
    events: Sequence[EventKind] = ()
    event_queue: int = 0

    @property
    def event_shapes(self) -> list[EventShape]:
        """What the hardware has to know of the events."""
        return [EventShape(sum(kind.widths), kind.tail) for kind in self.events]

    def __post_init__(self) -> None:
        width = self.width
        if width not in WIDTHS:
            raise InputError(f"stream width of {width} bytes: choose one of {', '.join(map(str, WIDTHS))}")
        if not MIN_FRAME <= self.max_frame <= LONGEST_FRAME:
            raise InputError(f"longest frame of {self.max_frame} bytes: choose {MIN_FRAME} to {LONGEST_FRAME}")
        if self.window < width or self.window % width:
            raise InputError(f"window of {self.window} bytes: choose a multiple of the stream width, {width}")
        if not 2 <= self.bins <= registers.MAX_BINS:
            raise InputError(f"{self.bins} latency bins: choose 2 to {registers.MAX_BINS}")
        for shape in self.maps:
            for what, size, limit in (
                ("keys", shape.key_size, 4 * registers.MAX_KEY_WORDS),
                ("values", shape.value_size, 4 * registers.MAX_VALUE_WORDS),
            ):
                if size > limit:
                    raise Refused(
                        f"{what} of map {shape.name} have {size} bytes",
                        f"make them at most {limit} bytes, which is what the control bus can reach",
                    )
        if len(self.stalls) > registers.MAX_STALLS or len(self.text()) > 4 * registers.MAX_DESCRIPTION_WORDS:
            raise Refused(
                f"the control bus cannot hold the names or the stalls of {len(self.maps)} maps",
                "use fewer maps in one program",
            )

    def text(self) -> bytes:
        """The register block ``description``."""
        return registers.description(self.program, self.maps, self.stalls, self.events)


_WORDS_IN_LOGIC = 128
"""Of the description of a device: these would leave most of a block memory unused."""


def _event_ports(identity: Identity) -> dict[str, Any]:
    return {
        "event": In(stream.Signature(event_layout(identity.event_shapes, identity.width))),
        "event_level": In(32),
        "event_lose": Out(1),
        "event_lost": In(1),
    }


def _words(byte_count: int) -> int:
    return -(-byte_count // 4)


@dataclass(frozen=True)
class _Count:
    """64 bits of a register map: at which registers (names and elements), what is added, and when it begins anew."""

    places: Sequence[tuple[str, int]]
    add: Value
    clear: Value


class Control(wiring.Component):
    """The bus (``address`` in words, ``write``, ``wdata``, ``valid``, ``rdata``, ``ready``) and what it reaches.

    ``received``, ``received_length``, ``dropped`` from ingress, ``result_valid`` and ``result`` from the probe,
    ``stalls`` (bit i: cause i holds a frame back in this cycle), ``hosts[i]``: to map i's unit. If there is a queue
    of events (`hdl.event_queue`), ``event`` is its output.

    A transfer takes four cycles and, for a count of 64 bits, up to one more for each of them; for a bin of a histogram
    of narrow beats until there is a cycle without a result; and to a map while its command runs as long as that.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        super().__init__({
            **BUS,
            "received": In(1),
            "received_length": In(16),
            "dropped": In(DROPS),
            "result_valid": In(1),
            "result": In(RESULT),
            "stalls": In(len(identity.stalls)),
            **(_event_ports(identity) if identity.event_queue else {}),
            **{f"host_{i}": In(HostSignature(shape)) for i, shape in enumerate(identity.maps)},
        })
        self.hosts = [getattr(self, f"host_{i}") for i in range(len(identity.maps))]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = RegisterBus(m, self, RegisterMap())
        self._identify(m, bus)
        clear, clear_latency = bus.strobe("clear")[0], bus.strobe("clear")[1]
        counts = [*self._counts(clear), *self._measure(m, bus, clear_latency)]
        if self.hosts:
            self._reach_maps(m, bus)
        if self._identity.event_queue:
            counts.append(self._fetch_events(m, bus, clear))
        m.submodules.counts = bank = CounterBank([len(count.add) for count in counts])
        m.d.comb += bank.clear.eq(Cat(count.clear for count in counts))
        m.d.comb += [add.eq(count.add) for add, count in zip(bank.adds, counts, strict=True)]
        bus.read_longs(bank, [count.places for count in counts])
        bus.finish()
        return m

    def _identify(self, m: Module, bus: RegisterBus) -> None:
        """Constants, and the description as a memory."""
        identity, text = self._identity, self._identity.text()
        for name, value in {
            "magic": registers.MAGIC,
            "version": registers.VERSION,
            "width": identity.width,
            "window": identity.window,
            "headroom": identity.headroom,
            "max_frame": identity.max_frame,
            "maps": len(identity.maps),
            "stall_causes": len(identity.stalls),
            "bins": identity.bins,
            "description_bytes": len(text),
        }.items():
            bus.read(name, Const(value, 32))
        bus.read_words("digest", Const(int.from_bytes(identity.digest, "little"), 256))
        words = [int.from_bytes(text[i : i + 4], "little") for i in range(0, len(text), 4)]
        attributes = IN_LOGIC if len(words) <= _WORDS_IN_LOGIC else {}
        m.submodules.description = memory = Memory(shape=32, depth=len(words), init=words, attrs=attributes)
        port = memory.read_port()
        m.d.comb += port.addr.eq(bus.address)
        bus.read_block("description", port.data, len(words))

    def _counts(self, clear: Value) -> Iterator[_Count]:
        result = self.result
        increments: dict[str, Value] = {
            "cycles": Const(1),
            "frames_received": self.received,
            "bytes_received": Mux(self.received, self.received_length, 0),
            "dropped_error": self.dropped.error,
            "dropped_oversize": self.dropped.oversize,
            "dropped_runt": self.dropped.runt,
            "bytes_sent": Mux(self.result_valid, result.length, 0),
        }
        kind = Mux(result.verdict == BROADCAST, XDP_REDIRECT, result.verdict)
        for number, verdict in enumerate(("aborted", "drop", "pass", "tx", "redirect")):
            increments[f"verdict_{verdict}"] = self.result_valid & (kind == number)
        for name in COUNTERS:
            yield _Count([(name, 0)], increments[name], clear)
        for i, stall in enumerate(self.stalls):
            yield _Count([("stalls", i)], stall, clear)

    def _fetch_events(self, m: Module, bus: RegisterBus, clear: Value) -> _Count:
        beat = self.event.payload
        bus.read("event_level", self.event_level)
        bus.read("event_site", Cat(beat.site, Const(0, 31 - len(beat.site)), beat.last))
        bus.read("event_frame", beat.frame)
        bus.read_words("event_data", beat.data)
        m.d.comb += [
            self.event.ready.eq(bus.written("event_take")),
            self.event_lose.eq(bus.register("event_lose", 32)[0]),
        ]
        return _Count([("event_lost", 0)], self.event_lost, clear)

    def _measure(self, m: Module, bus: RegisterBus, clear: Value) -> Iterator[_Count]:
        # A frame has a header, and so two beats if they are narrow: not every cycle has a result.
        gaps = self._identity.width < MIN_FRAME
        samples = {"first": self.result.latency_first, "last": self.result.latency_last}
        clearing = Signal()
        for which, sample in samples.items():
            histogram = Histogram(self._identity.bins, gaps=gaps)
            m.submodules[f"latency_{which}"] = histogram
            m.d.comb += [
                histogram.sample.eq(sample),
                histogram.valid.eq(self.result_valid),
                histogram.clear.eq(clear),
                histogram.bin_index.eq(bus.address),
                clearing.eq(histogram.clearing),  # both at once
            ]
            bus.read(f"latency_{which}_low", histogram.low)
            bus.read(f"latency_{which}_high", histogram.high)
            bus.read_slowly(f"latency_{which}_bins", histogram.bin, self._identity.bins, histogram.reads)
        bus.read("clearing", clearing)
        for which, sample in samples.items():
            yield _Count([(f"latency_{which}_total", 0)], Mux(self.result_valid, sample, 0), clear | clearing)
        yield _Count([(f"latency_{which}_count", 0) for which in samples], self.result_valid, clear | clearing)

    def _reach_maps(self, m: Module, bus: RegisterBus) -> None:
        """One set of operand registers for all maps; results of entries land in them."""
        maps = self._identity.maps
        select = bus.register("map_select", 32)
        index = bus.register("map_index", 32)
        flags = bus.register("map_flags", 32)
        key = bus.register("map_key", 32 * max(_words(shape.key_size) for shape in maps))
        value = bus.register("map_value", 32 * max(_words(shape.value_size) for shape in maps))
        op = Signal(HostOp)
        busy = Signal()
        status = Signal(32)
        bus.read("map_busy", busy)
        bus.read("map_status", status)
        bus.hold_while(busy, [r for r in registers.REGISTERS if r.name.startswith("map_") and r.name != "map_busy"])
        with m.If(bus.written("map_command")):
            m.d.sync += [op.eq(bus.wdata), busy.eq(select < len(maps)), status.eq(-registers.EINVAL)]
        for number, (shape, host) in enumerate(zip(maps, self.hosts, strict=True)):
            delivers = (op == HostOp.ENTRY) | (op == HostOp.LOOKUP)
            if not shape.key_size:
                delivers |= op == HostOp.DELETE  # a pop
            m.d.comb += [
                host.request.eq(busy & (select == number)),
                host.op.eq(op),
                host.index.eq(index),
                # Nobody holds a lock while the host has its turn, and its bytes are always zero.
                host.flags.eq(flags if shape.lock is None else flags & ~BPF_F_LOCK),
                host.key.eq(key),
                host.value.eq(value & int.from_bytes(without_lock(shape, b"\xff" * shape.value_size), "little")),
            ]
            with m.If(host.request & host.done):
                m.d.sync += [busy.eq(0), status.eq(host.status)]
                with m.If((host.status == 0) & (op == HostOp.ENTRY)):
                    m.d.sync += key.eq(host.result_key)
                with m.If((host.status == 0) & delivers):
                    m.d.sync += value.eq(host.result_value)
