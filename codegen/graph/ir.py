"""The dataflow graph: what a program is once BPF registers are gone.

A graph is acyclic. Every value is an unsigned bit vector of a fixed width in bits. Nodes are

- ``const`` (``attr`` = value) and ``input`` (``attr`` = name, see `Inputs`),
- pure operators of `hdl.operators` (``attr`` = parameter such as the low bit of a ``slice``),
- ``site`` (``attr`` = `Site`): one access to a stateful unit: a map or the frame store. ``args[0]`` is its 1-bit
  predicate, the rest are the operands that the site kind declares. Its value is the concatenation (first field lowest)
  of the declared result fields, or a 0-bit value.

Predicates guard effects only; pure operators always compute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...hdl.helpers.events import EventKind
from ...hdl.maps.base import SiteKind


@dataclass(frozen=True, slots=True)
class Site:
    """An access to ``unit`` (a map's name, or `hdl.frame_store.UNIT`). ``number`` is unique in the graph and
    orders sites as the program does. ``accesses``: how many of the program it stands for (`passes.exclusive`)."""

    unit: str
    kind: SiteKind
    number: int
    accesses: int = 1


class Node:
    """One value. Identity is object identity; ``id`` is its position in `Graph.nodes` (a topological order)."""

    __slots__ = ("args", "attr", "id", "op", "slot", "width")

    def __init__(self, id: int, op: str, width: int, args: tuple[Node, ...], attr: Any, slot: int | None) -> None:
        self.id = id
        self.op = op
        self.width = width
        self.args = args
        self.attr = attr
        self.slot = slot  # the instruction it came from, for listings; None for glue

    def __repr__(self) -> str:
        args = ", ".join(f"n{a.id}" for a in self.args)
        attr = "" if self.attr is None else f" {self.attr}"
        return f"n{self.id}:{self.width} = {self.op}({args}){attr}"


@dataclass(frozen=True, slots=True)
class Order:
    """``after`` must issue at least ``distance`` stages later than ``before`` (sites of one frame that may touch
    the same entry)."""

    before: Node
    after: Node
    distance: int


INPUTS = {
    "length": 16,  # bytes in the frame as received
    "ifindex": 32,  # xdp_md.ingress_ifindex
    "rx_queue": 32,  # xdp_md.rx_queue_index
    "time_ns": 64,  # when the frame's first beat arrived; bpf_ktime_get_ns
    "frame_index": 64,  # frames since reset; seeds bpf_get_prandom_u32
    "place": 16,  # where the frame store keeps the frame, for its read sites
}
"""Inputs that are not the window: name -> width in bits. The window is the input ``window`` of 8*H bits."""


def event_output(number: int) -> str:
    """The name of the output for `Graph.events`[number]."""
    return f"event{number}"


@dataclass
class Graph:
    """A program as dataflow.

    ``window``: bytes H of the frame's front that the program gets (input ``window``: byte 0 in the lowest bits,
    bytes behind the end of the frame are zero). ``headroom``: bytes G in front of the frame that the output may use.
    ``tail_fixed``: the program never moves the frame's end. ``outputs``: name -> node:

    - ``verdict`` (3 bits; XDP_ABORTED 0 .. XDP_REDIRECT 4, `hdl.verdicts.BROADCAST` 5), ``redirect`` (32 bits: the
      target, an ifindex unless a map other than a devmap was asked; of a broadcast a set of interfaces),
    - ``start`` (16 bits: where the outgoing frame begins, as an offset into G+H window bytes, so G if the head did
      not move; may exceed G+H),
    - ``length`` (16 bits: bytes of the outgoing frame),
    - ``limit`` (16 bits: offset, counted like ``start``, from which on outgoing bytes are zero instead of
      the received ones; only behind the window: the window's bytes are already right),
    - ``window`` (8*(G+H) bits: the bytes from ``headroom`` in front of the frame to the end of the window).

    Output ``event<k>`` tells for ``events[k]`` (in program order) whether it happens, in bit 0, and its values behind.

    A raw program (`spec.ProgramSpec`) has its memory as window and one output, ``result`` (64 bits: r0 at exit).
    """

    window: int = 0
    headroom: int = 0
    tail_fixed: bool = False
    nodes: list[Node] = field(default_factory=list)
    order: list[Order] = field(default_factory=list)
    outputs: dict[str, Node] = field(default_factory=dict)
    events: tuple[EventKind, ...] = ()

    def emptied(self) -> Graph:
        """A graph of the same frame layout without nodes, for a pass to fill."""
        return Graph(window=self.window, headroom=self.headroom, tail_fixed=self.tail_fixed, events=self.events)
