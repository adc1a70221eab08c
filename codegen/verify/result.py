"""What verification hands to the graph: the program unrolled and inlined, with facts at every point."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..spec import MapSpec, ProgramSpec

U64 = (1 << 64) - 1


class Kind(enum.Enum):
    """Pointer kinds, named as in the kernel's enum bpf_reg_type."""

    CTX = "ctx"
    STACK = "fp"
    PACKET = "pkt"
    PACKET_META = "pkt_meta"
    PACKET_END = "pkt_end"
    MAP = "map_ptr"
    MAP_VALUE = "map_value"
    MEMORY = "mem"
    FUNCTION = "func"
    ITERATOR = "rdonly_mem"
    MAP_KEY = "map_key"
    RECORD = "ringbuf_mem"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A 64-bit number: known bits as in the kernel's tnum (``mask`` bits are unknown) and inclusive ranges."""

    value: int = 0
    mask: int = U64
    umin: int = 0
    umax: int = U64
    smin: int = -(1 << 63)
    smax: int = (1 << 63) - 1

    @property
    def constant(self) -> int | None:
        """The value as an unsigned 64-bit number when it is the only one possible."""
        return self.value if self.mask == 0 else None


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer of one kind.

    ``offset`` is a Scalar in bytes (64-bit two's complement), relative to: the frame's *original* data start
    (PACKET, PACKET_META; negative in the headroom, so bpf_xdp_adjust_head does not change what an offset means),
    the first byte of a raw program's memory (MEMORY),
    the frame pointer r10 of call depth ``frame`` (STACK, <= 0; ITERATOR, which
    points to the number in an iterator on the stack), the value's first byte (MAP_VALUE), that of the record which the
    point with index ``frame`` reserved (RECORD), that of the key which is the number ``frame`` (MAP_KEY), the struct
    xdp_md (CTX), the program's first slot (FUNCTION, in slots). ``map`` is the map's name for MAP, MAP_VALUE, MAP_KEY
    and RECORD.
    ``maybe_null``: not null-checked yet.
    """

    kind: Kind
    offset: Scalar
    map: str | None = None
    frame: int = 0
    maybe_null: bool = False


@dataclass(frozen=True, slots=True)
class Mixed:
    """Different kinds on different paths that meet at this point."""

    alternatives: tuple[Scalar | Pointer, ...]


AbstractValue = Scalar | Pointer | Mixed


@dataclass(frozen=True, slots=True)
class Successor:
    """An edge. ``taken``: True/False for the two sides of a conditional jump, None for everything else.

    A helper that calls a function has two sides as well: True leads into the next iteration, False behind the call. So
    has the exit of such a function: True leads behind the call (it returned 1), False back to it.
    """

    point: int
    taken: bool | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One instruction in one context (call chain and loop iterations): a node of an acyclic program.

    ``registers``: facts *before* the instruction, joined over all paths, of the registers that it reads (for a
    helper call r1..r5 as far as the helper takes arguments; for exit r0).
    ``head``: range (lo, hi) in bytes of data start relative to the frame's original data start before the
    instruction. ``frame``: call depth, 0 for the main program. ``iteration``: (slot of loop header, iteration)
    pairs of the loops around it, outermost first; ``calls``: slots of the call instructions on the call chain.
    ``metadata``: the lowest that data_meta can be, counted like ``head``; None where there is surely no metadata.
    """

    index: int
    slot: int
    frame: int
    registers: Mapping[int, AbstractValue]
    successors: tuple[Successor, ...]
    head: tuple[int, int] = (0, 0)
    calls: tuple[int, ...] = ()
    iteration: tuple[tuple[int, int], ...] = ()
    metadata: int | None = None


@dataclass(frozen=True)
class VerifiedProgram:
    """A program that is safe. ``points`` are in topological order: every edge goes to a higher index; point 0 is
    the entry; only reachable points and feasible edges are there (a conditional jump with one feasible side has
    one successor)."""

    program: ProgramSpec
    maps: Mapping[str, MapSpec]
    points: tuple[Point, ...]
    remarks: Mapping[int, str] = field(default_factory=dict)  # what the user should know, by slot
