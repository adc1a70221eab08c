"""The hardware of a map: one access port for each site of the pipeline and one for the host.

Time is told in stages. Site number i issues in a pipeline stage s_i; *offset* o means stage s_i + o. At a
clock edge a frame either leaves its stage or stays there with all its values; ``enable`` says which. Two
things hold always and units may rely on them: a frame that leaves a stage never overtakes an older one, and
when the frame in stage k leaves, so do the frames in all stages behind k (``enable`` at offset o implies
``enable`` at every later offset, also across the sites of a unit as their stages go).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from amaranth import Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..area import Area
from .base import MapShape, SiteKind
from .linux import BPF_EXIST, E2BIG, EINVAL


class HostOp(enum.IntEnum):
    """Operations of the host port; the names are those of bpf(2)."""

    LOOKUP = 0
    UPDATE = 1
    DELETE = 2
    ENTRY = 3


def offsets(kind: SiteKind) -> int:
    """Number L of offsets in which a site's frame concerns its unit: 0 .. max(latency, last touch)."""
    return max(kind.latency, kind.touch[1]) + 1


def port_bits(port: Any) -> int:
    """Bits of the members of an interface."""
    return sum(len(getattr(port, name)) for name in port.signature.members)


class SiteSignature(wiring.Signature):
    """One access port, as seen from the unit. L = `offsets` (kind).

    ``valid`` In(L): bit o: a frame whose predicate is true is in stage s+o.
    ``enable`` In(L): bit o: the frame in stage s+o (if any) leaves it at the coming clock edge. ``operands``:
    one In for each operand, valid in stage s (offset 0) only; carry on what later offsets need. ``results``:
    one Out for each result, for the frame in stage s+latency; must hold while that frame stays there and may
    be anything when ``valid[latency]`` is low.
    ``stall`` Out(L): bit o: the frame in stage s+o must not leave yet. It may depend on ``valid``,
    ``operands`` and registers, never on ``enable`` (that would be a combinational loop). A stall without a
    frame has no effect.

    State is read or written at the edge where the frame leaves a stage of ``kind.touch``, so only with
    ``valid[o] & enable[o]``. A site that reads at an edge sees what another site writes at that very edge
    (transparent read ports).
    """

    def __init__(self, kind: SiteKind) -> None:
        n = offsets(kind)
        super().__init__(
            {
                "valid": In(n),
                "enable": In(n),
                "stall": Out(n),
                "operands": In(wiring.Signature({name: Out(width) for name, width in kind.operands})),
                "results": Out(wiring.Signature({name: Out(width) for name, width in kind.results})),
            }
        )


class HostSignature(wiring.Signature):
    """The host's access port of a map, as seen from the unit.

    Host to unit: ``request`` with ``op`` (`HostOp`), ``index`` (32 bits, for ENTRY), ``key`` and ``value``
    (first byte lowest), ``flags`` (32 bits: BPF_ANY 0, BPF_NOEXIST 1, BPF_EXIST 2; for UPDATE). All are held
    from the rise of ``request`` until ``done``; ``request`` is low for at least one cycle afterwards.

    Unit to host: ``done`` is high for one cycle per request. ``status`` (32 bits, two's complement: 0 or a
    negative errno as bpf(2) gives it), ``result_key`` and ``result_value`` are valid with ``done`` and until
    the next request:

    - LOOKUP: the value of ``key``, or -ENOENT.
    - UPDATE, DELETE: as bpf_map_update_elem / bpf_map_delete_elem; results undefined.
    - Maps without keys: UPDATE pushes, LOOKUP peeks (asks for ``value`` where the type does so), DELETE pops, and then
      the result value is valid, too, as BPF_MAP_LOOKUP_AND_DELETE_ELEM has it.
    - ENTRY: slot number ``index`` -> key and value; -ENOENT: the slot is empty; -E2BIG: behind the last slot.
      Slots are the unit's own order; every entry present has exactly one.
    """

    def __init__(self, shape: MapShape) -> None:
        super().__init__(
            {
                "request": In(1),
                "op": In(2),
                "index": In(32),
                "key": In(8 * shape.key_size),
                "value": In(8 * shape.value_size),
                "flags": In(32),
                "done": Out(1),
                "status": Out(32),
                "result_key": Out(8 * shape.key_size),
                "result_value": Out(8 * shape.value_size),
            }
        )


class MapUnit(wiring.Component):
    """Base of all map hardware; subclasses write ``elaborate``.

    Ports: ``sites[i]`` (`SiteSignature` of ``kinds[i]``), ``host`` (`HostSignature`), and towards the
    pipeline

    - ``host_request`` Out(1): the unit wants to operate for the host; held until the operation is finished,
    - ``host_grant`` In(1): while high, no frame is between its first touch of this unit and its last touch or result,
      and none begins or goes on to touch it as long as ``host_request`` stays high. Frames may stand in stages up
      to and including s_i + touch[0] of a site: to them the host's operation is like that of an older frame
      (a value fetched ahead has to be kept coherent). Comes at most as many cycles after the request as the
      pipeline needs to drain the unit's stages. Goes low in the cycle in which ``host_request`` is low.

    ``spare``: how many keys frames may still insert, at most, from the one for which the unit asks for its turn until
    it comes (`MapPlugin.spare`); None if it does not matter.

    Sites stand in the order of the stages they issue in.

    ``host_hold``: cycles from ``host_grant`` to the fall of ``host_request``, at most. ``site_hold``: cycles that the
    unit itself may stall one access of a frame, at most; ``frame_hold``: all accesses of a frame together, where it
    does so as a rule. ``pause``: cycles from ``host_grant`` on that it keeps for itself after an access of a frame, at
    most. All as long as no key has overflowed (hash maps).

    Maps hold their initial contents (``shape.initial``) after reset, through the ``init`` of memories and
    registers.
    """

    spare: int | None = None
    host_hold: int = 2  # `host_turn`: it sees the grant, it acts
    site_hold: int = 0
    frame_hold: int = 0
    pause: int = 0

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind]) -> None:
        self.shape = shape
        self.kinds = tuple(kinds)
        super().__init__(
            {
                "host": Out(HostSignature(shape)),
                "host_request": Out(1),
                "host_grant": In(1),
                **{f"site{i}": Out(SiteSignature(kind)) for i, kind in enumerate(kinds)},
            }
        )
        self.sites = [getattr(self, f"site{i}") for i in range(len(kinds))]

    def logic(self) -> Area:
        """What it takes beside its memories: an estimate from units that yosys made (docs/capacity.md)."""
        return self.per_port_bit(0.7, 0.2)

    def per_port_bit(self, luts: float, flip_flops: float) -> Area:
        """So much for each bit that goes in or out of it."""
        bits = sum(port_bits(port) for site in self.sites for port in (site.operands, site.results))
        bits += port_bits(self.host)
        return Area(lut4=luts * bits, flip_flops=round(flip_flops * bits))

    def host_turn(self, m: Any) -> Signal:
        """Serve the host in one cycle of its turn, which comes between two frames: high for that cycle, in which the
        unit answers and changes its state. Memories that ``key`` and ``index`` address have been read by then."""
        turn = Signal(name="turn")
        with m.FSM(name="host"):
            with m.State("IDLE"), m.If(self.host.request):
                m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.host_request.eq(1)
                with m.If(self.host_grant):
                    m.next = "ACT"
            with m.State("ACT"):
                m.d.comb += [self.host_request.eq(1), turn.eq(1)]
                m.next = "DONE"
            self.host_end(m)
        return turn

    def host_begin(self, m: Any, slots: int, following: str) -> None:
        """State IDLE of an FSM that serves the host: what can be done goes on in ``following``, with status 0; wrong
        flags, and an entry behind the last of the ``slots``, are told at once."""
        host = self.host
        with m.State("IDLE"), m.If(host.request):
            m.next = following
            m.d.sync += host.status.eq(0)
            with m.If((host.op == HostOp.UPDATE) & (host.flags > BPF_EXIST)):
                m.d.sync += host.status.eq(-EINVAL)
                m.next = "DONE"
            with m.Elif((host.op == HostOp.ENTRY) & (host.index >= slots)):
                m.d.sync += host.status.eq(-E2BIG)
                m.next = "DONE"

    def host_end(self, m: Any) -> None:
        """State DONE of such an FSM."""
        with m.State("DONE"):
            m.d.comb += self.host.done.eq(1)
            m.next = "IDLE"

    def carry(self, m: Any, site: int, offset: int, value: Any, name: str = "carried") -> Signal:
        """``value`` of a site's frame at ``offset``, delayed into the next offset (moves with the frame)."""
        register = Signal.like(value, name=f"{name}_{site}_{offset + 1}", reset_less=True)
        with m.If(self.sites[site].enable[offset]):
            m.d.sync += register.eq(value)
        return register
