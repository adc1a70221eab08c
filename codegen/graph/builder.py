"""From a verified program to its graph: symbolic execution of the unrolled program in topological order.

At every point there is one `State`; where edges meet, `state.join` makes muxes. Verification's facts say which
kinds of pointer an access can meet, where it can point, and which numbers are constant or narrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...hdl.errors import HardpathError, Refused
from ...hdl.frame_sizes import LONGEST_FRAME
from ...hdl.helpers.base import TARGET_BITS, HelperPlugin
from ...hdl.helpers.registry import HELPERS
from ...hdl.maps.base import MapPlugin
from ...hdl.maps.registry import MAP_TYPES
from ..verify.result import Kind, VerifiedProgram
from .context import BuildContext
from .extent import Extent
from .ir import Graph, event_output
from .predicates import TRUE
from .state import FramePositions, State, join
from .step import Step
from .values import Memory, Pointer, Value
from .window import finish_raw, finish_xdp

MOST_NODES = 4_000_000
"""Nodes of a graph that is being made, after some 25 s, in 2 GB; passes take several times of both."""


def build(
    verified: VerifiedProgram,
    *,
    width: int = 64,
    max_window: int = LONGEST_FRAME,
    max_frame: int = 2048,
    zero_stack: bool = False,
    helpers: Mapping[int, HelperPlugin] = HELPERS,
    map_types: Mapping[int, MapPlugin] = MAP_TYPES,
) -> Graph:
    """The graph of a verified program.

    ``width``: bytes a beat; the window is a multiple of it. ``max_window``: most bytes of the frame's front that
    the program may get. ``max_frame``: the longest frame in bytes. ``zero_stack``:
    whether stack that was never written may be copied as zeros. Raises
    `Refused` with the place where the hardware cannot do what the program does.
    """
    for slot, remark in verified.remarks.items():
        if not zero_stack:
            raise Refused(
                remark,
                "initialise the whole variable (= {} or memset, padding included), or take zeros with --zero-stack",
                verified.program.place(slot),
            )
    b = BuildContext(verified, Extent.of(verified, helpers, width, max_window, max_frame), helpers, map_types)
    b.incoming[0].append(_start(b))
    for point in b.points:
        if not b.incoming[point.index]:
            continue  # only behind branches whose conditions exclude each other
        b.c.slot = None
        state = join(b.c, b.p, b.incoming[point.index], b.rows.new_epoch)
        b.incoming[point.index] = []
        b.c.slot = point.slot
        try:
            Step(b, point, state).run()
        except Refused as refusal:
            raise refusal.at(b.program.place(point.slot)) from refusal
        except HardpathError:
            raise
        except Exception as error:
            error.add_note(f"while building {b.program.place(point.slot)}")
            raise
        if len(b.graph.nodes) > MOST_NODES:
            raise _too_large(b)
    b.c.slot = None
    b.finish_reservations()
    events = [(kind, node) for kind, node in b.events if node is not None]
    b.graph.events = tuple(kind for kind, _ in events)
    b.graph.outputs = {event_output(k): node for k, (_, node) in enumerate(events)}
    finish = finish_raw if b.program.type == "raw" else finish_xdp
    finish(b.graph, b.c, b.p, b.rows, b.exits)
    return b.graph


def _too_large(b: BuildContext) -> Refused:
    """The refusal of a graph that would take all time and memory, at the instruction that takes most of it."""
    nodes = Counter(node.slot for node in b.graph.nodes if node.slot is not None)
    slot, count = nodes.most_common(1)[0]
    remedy = "bound loops by smaller constants, and offsets into the frame more tightly"
    if any(table.others for table in b.program.tables.values()):
        remedy = f"say which program each slot holds, with --slot MAP:INDEX=PROGRAM; {remedy}"
    return Refused(
        f"the program becomes more than {MOST_NODES:,} operators, more than compilation takes on; {count:,} of "
        "them come from this instruction, which makes most",
        remedy,
        b.program.place(slot),
    )


def _start(b: BuildContext) -> State:
    c = b.c
    zero = c.const(0, 64)
    length = b.received_length
    registers: dict[int, Value] = {1: Pointer(Kind.CTX, zero), 10: Pointer(Kind.STACK, zero, frame=0)}
    if b.program.type == "raw":
        registers |= {1: Pointer(Kind.MEMORY, zero), 2: c.const(b.program.memory, 64)}
    return State(
        TRUE,
        [registers],
        [Memory(c, b.zero_byte)],
        FramePositions(zero, length, zero, length),
        Memory(c, b.window_byte),
        c.const(0, TARGET_BITS),
    )
