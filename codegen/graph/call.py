"""The view of a helper call that plug-ins get (`hdl.helpers.base.CallLowering`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...hdl.errors import Refused
from ...hdl.helpers.base import Arg, FrameCopy, HelperPlugin
from ...hdl.helpers.events import EventKind
from ...hdl.helpers.tables import Table
from ...hdl.maps.base import MapPlugin, SiteKind
from ..spec import MapSpec
from ..verify import result as facts
from ..verify.result import Kind
from .frame_copy import frame_copy
from .ir import INPUTS, Node
from .memory import MemoryAccess
from .place import Span, load, span, store
from .predicates import TRUE
from .text import text
from .values import Pointer, Union, alternatives

U32 = (1 << 32) - 1

MOST_METADATA = 252
"""Bytes in front of the frame that bpf_xdp_adjust_meta can give (hdl/helpers/xdp_limits.py)."""


class FrameView:
    """`hdl.helpers.base.Frame` over the state of a step."""

    def __init__(self, step: MemoryAccess) -> None:
        self._step = step

    def __getattr__(self, name: str) -> Node:
        node: Node = getattr(self._step.state.frame, name)
        return node

    def __setattr__(self, name: str, value: object) -> None:
        if name == "_step":
            object.__setattr__(self, name, value)
        else:
            setattr(self._step.state.frame, name, value)

    def zero(self, start: Node, end: Node, predicate: Node) -> None:
        """Clear window bytes [start, end) where predicate holds."""
        step = self._step
        step.spread_stores()
        c, packet, extent = step.c, step.state.packet, step.b.extent
        zero = c.const(0, 8)
        bits = 18
        first, behind = c.slice(start, 0, bits), c.slice(end, 0, bits)
        for position in range(-extent.headroom, extent.window):
            here = c.const(position, bits)
            inside = c.and_(c.not_(c.slt(here, first)), c.slt(here, behind))
            packet.write(position, 1, c.mux(c.and_(predicate, inside), zero, packet.byte(position)))

    def move(self, source: Node, destination: Node, size: Node, predicate: Node) -> None:
        """memmove of metadata: it lies in the headroom, or where the head was before it moved into the window."""
        step = self._step
        step.spread_stores()
        c, packet, extent = step.c, step.state.packet, step.b.extent
        most = min(MOST_METADATA, extent.headroom + extent.window)
        low, high = -extent.headroom, extent.window
        bits = 18

        def at(position: Node) -> Span:
            index = c.add(c.slice(position, 0, bits), c.const(-low, bits))
            return Span(low, high, 1, c.slice(index, 0, (high - low).bit_length()))

        data = load(c, at(source), most, packet.byte)
        wanted, target = c.zext(c.slice(size, 0, 8), bits), c.slice(destination, 0, bits)
        for position in range(low, high):
            # Byte k of the metadata goes to destination + k.
            k = c.sub(c.const(position, bits), target)
            inside = c.and_(predicate, c.ult(k, wanted))
            amount = c.concat([c.const(0, 3), c.slice(k, 0, 8)])
            byte = c.slice(c.op("lshr", data.width, data, amount), 0, 8)
            packet.write(position, 1, c.mux(inside, byte, packet.byte(position)))


class Call:
    """One call. ``helper`` is None when only the `Lowering` part is wanted; ``text``: what its text is on this path."""

    def __init__(self, step: MemoryAccess, helper: HelperPlugin | None, text: bytes | None = None) -> None:
        self._step = step
        self._helper = helper
        self._text = text
        self._unconditional = helper is None
        self.frame = FrameView(step)

    @property
    def predicate(self) -> Node:
        """1 bit: this call happens."""
        return self._step.p.node(self._step.state.predicate)

    @property
    def redirect(self) -> Node:
        """`TARGET_BITS`: where a redirect goes, so far."""
        return self._step.state.redirect

    @redirect.setter
    def redirect(self, node: Node) -> None:
        self._step.state.redirect = node

    @property
    def taken(self) -> Node:
        """32 bits: bytes of the map argument, a ring buffer, that are taken so far."""
        return self._step.state.taken.get(self.map_argument()[0].name, self._step.c.const(0, 32))

    @taken.setter
    def taken(self, node: Node) -> None:
        self._step.state.taken[self.map_argument()[0].name] = node

    # Lowering

    def const(self, value: int, width: int) -> Node:
        """A constant."""
        return self._step.c.const(value, width)

    def op(self, name: str, width: int, *args: Node, attr: int | None = None) -> Node:
        """A pure operator."""
        return self._step.c.op(name, width, *args, attr=attr)

    def site(self, unit: str, kind: SiteKind, predicate: Node, *operands: Node) -> Node:
        """An access site."""
        path = TRUE if self._unconditional else self._step.state.predicate
        p = self._step.p
        return self._step.b.rows.site(unit, kind, p.both(path, p.of(predicate)), *operands)

    def field(self, site: Node, name: str) -> Node:
        """One result of a site."""
        return self._step.c.field(site, name)

    # Arguments

    def argument(self, number: int) -> Node:
        """Argument 1..5 as a 64-bit number."""
        return self._step.number(number)

    def constant_argument(self, number: int) -> int | None:
        """Its value if verification knows it."""
        fact = self._step.fact(number)
        return fact.constant if isinstance(fact, facts.Scalar) else None

    def maximum(self, number: int) -> int:
        """Its largest unsigned value."""
        fact = self._step.fact(number)
        return fact.umax if isinstance(fact, facts.Scalar) else (1 << 64) - 1

    def is_null(self, number: int) -> bool:
        """Whether it is the constant NULL."""
        return self.constant_argument(number) == 0

    def is_pointer(self, number: int) -> Node | None:
        """1 bit: it is a pointer, and not NULL; None if it may be another number."""
        step = self._step
        parts = alternatives(step.value(number), step.state.predicate)
        if any(isinstance(part, Node) and (part.op != "const" or part.attr) for _, part in parts):
            return None
        return step.select([(q, step.not_null(part)) for q, part in parts])

    def string(self, number: int) -> bytes:
        """The bytes of a CONST_STRING argument."""
        fact, text = self._step.fact(number), None
        if isinstance(fact, facts.Pointer) and fact.map is not None and fact.offset.constant is not None:
            text = self._step.b.maps[fact.map].string(fact.offset.constant)
        if text is None:
            raise Refused(
                f"which string argument {number} is depends on the path",
                "call the helper on each path separately",
            )
        return text

    def text(self, number: int) -> Sequence[Node]:
        """The string in a map value that an ANY argument points to, up to a byte that is known to be zero."""
        return text(self._step, number)

    def memory(self, number: int, size: int) -> Node:
        """``size`` bytes behind a pointer argument."""
        step = self._step
        value = step.value(number)
        if size == 0:
            return step.c.const(0, 8)
        if self._text is not None and self._helper is not None and number == self._helper.text:
            return step.c.const(int.from_bytes(self._text, "little"), 8 * size)
        if isinstance(value, Union):
            return step.select(
                [
                    (q, step.load_bytes(part, step.pointer_fact(number, part), 0, size))
                    for q, part in value.alternatives
                    if isinstance(part, Pointer)
                ]
            )
        if not isinstance(value, Pointer):
            return step.c.const(0, 8 * size)  # NULL with size 0: the bytes do not count
        return step.load_bytes(value, step.pointer_fact(number, value), 0, size)

    def store_memory(self, number: int, data: Node, written: Sequence[Node]) -> None:
        """Write the bytes of ``data`` for which ``written`` holds behind a pointer argument."""
        old = self.memory(number, len(written))
        self._step.write_memory(number, len(written), self._chosen(written, data, old))

    def load_frame(self, number: int, size: int) -> Node:
        """Frame bytes from a FRAME_OFFSET argument on; zero outside the window."""
        where, byte = self._frame_span(number)
        return load(self._step.c, where, size, byte)

    def store_frame(self, number: int, data: Node, written: Sequence[Node]) -> None:
        """Write the bytes of ``data`` for which ``written`` holds from a FRAME_OFFSET argument on."""
        c, packet, extent = self._step.c, self._step.state.packet, self._step.b.extent
        where, byte = self._frame_span(number)
        size = len(written)
        new = self._chosen(written, data, load(c, where, size, byte))
        for position, (_, changed) in store(c, where, size, new, byte).items():
            if -extent.headroom <= position < extent.window:
                packet.write(position, 1, changed)

    def _frame_span(self, number: int) -> tuple[Span, Callable[[int], Node]]:
        """Where data start plus an offset argument can be, and the byte at each position."""
        step = self._step
        step.spread_stores()
        c, frame, extent = step.c, step.state.frame, step.b.extent
        head, fact = step.point.head, step.fact(number)
        offset = c.zext(c.slice(step.number(number), 0, 32), 64)
        known = fact if isinstance(fact, facts.Scalar) else facts.Scalar()
        low = head[0] + (known.umin if known.umax <= U32 else 0)
        high = max(low, min(head[1] + known.umax, extent.window))

        def byte(position: int) -> Node:
            inside = -extent.headroom <= position < extent.window
            return step.state.packet.byte(position) if inside else c.const(0, 8)

        position = facts.Scalar(smin=low, smax=high)
        return span(c, c.add(frame.data, offset), position, 0, low, high), byte

    def _chosen(self, written: Sequence[Node], data: Node, old: Node) -> Node:
        """Byte for byte new or old data."""
        c = self._step.c
        bits = [(w, c.slice(data, 8 * i, 8), c.slice(old, 8 * i, 8)) for i, w in enumerate(written)]
        return c.concat([c.mux(*each) for each in bits])

    def map_argument(self) -> tuple[MapSpec, MapPlugin]:
        """The map behind the MAP argument."""
        step = self._step
        assert self._helper is not None
        number = 1 + self._helper.args.index(Arg.MAP)
        fact = step.fact(number)
        assert isinstance(fact, facts.Pointer) and fact.map is not None, "a call gets one map at a time"
        spec = step.b.maps[fact.map]
        return spec, step.b.map_types[spec.type]

    def input(self, name: str) -> Node:
        """A graph input."""
        return self._step.c.input(name, INPUTS[name])

    def table_entry(self, table: Table, predicate: Node, key: Node) -> tuple[Node, Node]:
        """Whether a table of the helper has an entry, and its value."""
        spec = self._step.b.maps[table.name]
        plugin = self._step.b.map_types[spec.type]
        assert plugin.rows(spec) == 1, "entries of tables are read at once"
        entry = plugin.lower_lookup(self, spec, predicate, key)
        found = self.op("and", 1, predicate, entry.found)
        site = self.site(spec.name, plugin.read_kind(spec), found, entry.address, entry.tag)
        return entry.found, self.field(site, "row")

    def flush_map(self) -> None:
        """Write back what is held in wires of the map argument."""
        self._step.b.rows.flush(self._step.state, self.map_argument()[0].name)

    def event(self, kind: EventKind, values: Sequence[Node], happens: Node | None = None) -> None:
        """Tell the host; points are built in program order."""
        step = self._step
        c, where = step.c, self.predicate if happens is None else step.c.and_(self.predicate, happens)
        fields = [c.slice(value, 0, width) for value, width in zip(values, kind.widths, strict=True)]
        step.b.events.append((kind, c.concat([where, *fields])))

    def give_back(self, number: int, publish: bool) -> None:
        """A record is complete."""
        step = self._step
        value, path = step.value(number), step.state.predicate
        for predicate, part in alternatives(value, path):
            if publish and isinstance(part, Pointer) and part.kind is Kind.RECORD:
                where, memory = step.p.both(path, predicate), step.state.records[part.record]
                step.b.reservations[part.record].submit(step.c, where, memory)

    def frame_copy(self, most: int, count: Node) -> FrameCopy:
        """The first bytes of the frame as it is now."""
        return frame_copy(self._step, most, count)

    def call_number(self) -> Node:
        """How often this helper was called before in this run."""
        step = self._step
        assert self._helper is not None
        return step.state.calls.get(self._helper.id, step.c.const(0, 64))

