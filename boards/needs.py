"""What the ports of a board ask of the datapath."""

from __future__ import annotations

from ..hdl.errors import Refused
from ..hdl.line_rate import PORTS, TOLERANCE, carried_gbps
from ..hdl.target import Target
from .board import Board

LINE = PORTS["1g"]
"""All PHYs of the boards are for 1 Gb/s."""

WIDTH = 8
"""Bytes a beat: 2.7 Gb/s and more with the clocks of the boards, where two ports bring 2."""

MAX_FRAME = 1518
"""Bytes without FCS: the longest with one VLAN tag."""

EVENT_BEATS = 64
"""What programs tell waits for the host in a queue of so many beats: events have no pins."""

MAC_BLOCKS, MESSAGE_BLOCKS, LATENCY_BLOCKS = 4, 3, 8
"""Block memories of one port's MAC; of the control messages' queues; of what measures latencies from wire to wire. As
synthesis finds them."""


def target_of(
    board: Board,
    datapaths: int = 1,
    *,
    clock_mhz: float | None = None,
    width: int = WIDTH,
    ii: int | None = None,
    max_frame: int = MAX_FRAME,
    latencies: bool = False,
) -> Target:
    """What a board wants of each of its ``datapaths``. Raises `Refused` as `interval` does."""
    clock = clock_mhz or board.clock_mhz
    around = MAC_BLOCKS * board.ports + MESSAGE_BLOCKS + LATENCY_BLOCKS * latencies
    return Target(
        clock_mhz=clock,
        width=width,
        max_frame=max_frame,
        event_queue=EVENT_BEATS,
        ii=ii or interval(clock, board.ports if datapaths == 1 else 1),
        block_rams=(board.fpga.block_rams - around) // datapaths,
    )


def interval(clock_mhz: float, ports: int) -> int:
    """Cycles from frame to frame if so many ports bring in the shortest ones back to back. Raises `Refused` if there is
    less than one."""
    cycles = LINE.leaves(clock_mhz, ports)
    if not cycles:
        raise Refused(f"{ports} ports bring in more than a frame a cycle at {clock_mhz:g} MHz", "use a faster clock")
    return cycles


def check_ports(clock_mhz: float, width: int) -> None:
    """A datapath brings ``width`` bytes faster than a port takes them: its frames leave without a pause. Raises
    `Refused` if it does not."""
    least = 1000 * LINE.gbps * (1 + TOLERANCE) / (8 * width)
    if clock_mhz <= least:
        raise Refused(
            f"{width} bytes a beat at {clock_mhz:g} MHz are slower than a port of {LINE.gbps:g} Gb/s",
            f"use a clock of more than {least:.2f} MHz, or more bytes a beat",
        )


def needed_mhz(target: Target, ports: int, cycles: int) -> float:
    """The slowest clock with which a datapath that needs ``cycles`` a frame at least keeps up with so many ports, which
    all bring in frames of the worst length back to back."""
    return ports * LINE.gbps * (1 + TOLERANCE) / carried_gbps(target.width, 1.0, cycles, target.max_frame)
