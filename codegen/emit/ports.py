"""Which ports the memories of a map have, and how the accesses of the program share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Shape

from ...hdl.maps.unit import MapUnit
from ..graph.ir import Node
from .area import memories, of_memory
from .hazards import Hazard


@dataclass(frozen=True, slots=True)
class MemoryPorts:
    """One memory: ``rows`` of ``bits`` bits. Each of its ``read_ports`` is paid with a copy. ``block_rams`` of all
    copies, 0 where it is made of LUTs."""

    name: str
    rows: int
    bits: int
    read_ports: int
    write_ports: int
    block_rams: int


@dataclass(frozen=True, slots=True)
class UnitPorts:
    """``accesses`` of the program became ``sites``, as those of one kind that exclude each other are merged. Of these
    ``writers`` change values; where they share the memory's port one waits for others ``wait`` cycles at most."""

    accesses: int
    sites: int
    writers: int
    wait: int
    memories: tuple[MemoryPorts, ...]


def unit_ports(hardware: MapUnit, sites: Sequence[Node], hazards: Sequence[Hazard]) -> UnitPorts:
    """``sites`` of the unit, ``hazards`` between them."""
    waits = [h.cost for h in hazards if h.early.attr.kind.share_port(h.late.attr.kind)]
    return UnitPorts(
        sum(site.attr.accesses for site in sites),
        len(sites),
        sum(bool(site.attr.kind.stores) for site in sites),
        max(waits, default=0),
        tuple(
            MemoryPorts(
                name,
                ram.depth,
                Shape.cast(ram.shape).width,
                len(ram.read_ports),
                len(ram.write_ports),
                of_memory(ram).block_rams,
            )
            for name, ram in memories(hardware)
        ),
    )
