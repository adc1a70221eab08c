"""README.md of a module for a shell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from amaranth.lib.wiring import In

from ..codegen.flow import Design
from ..hdl.shell.axis import ELSEWHERE, HOST
from ..hdl.shell.opennic import SHORTEST
from ..hdl.shell.pins import Pin
from .shells import ShellKind

ONE, SEVERAL, OTHER = (f"XDP_REDIRECT to {what}" for what in ("an interface", "several", "a CPU or socket"))
SWALLOWED = {"XDP_DROP, XDP_ABORTED": "swallowed and counted (`verdict_drop`, `verdict_aborted`)"}

IN_STREAM: Mapping[str, str] = SWALLOWED | {
    "XDP_PASS": f"`m_axis`, `tdest` {HOST}",
    "XDP_TX": "`m_axis`, `tdest` = `tid`, the port it came from",
    ONE: f"`m_axis`, `tdest` = ifindex - 1; {ELSEWHERE} if that is no number below {ELSEWHERE}",
    SEVERAL: f"`m_axis` once, `tdest` {ELSEWHERE}; in `tuser` verdict 5 and a bit for each ifindex",
    OTHER: f"`m_axis`, `tdest` {ELSEWHERE}, its number in `tuser`",
}
IN_NIC: Mapping[str, str] = SWALLOWED | {
    "XDP_PASS": "to the host, as received by the same port",
    "XDP_TX": "out of the port it came from",
    ONE: "out of port ifindex - 1; if there is none it is dropped, and `unreachable` counts it",
    SEVERAL: "out of each of these ports",
    OTHER: "refused when compiled: the NIC chooses the queue after the program",
}

AXIS = """\
Instantiate the module as in `{top}.vh`. Frames have no FCS, and bytes in the order of the line. A source whose frames
may be broken says so in `tuser` with their last beat; others tie it to 0. What `m_axis` does not take stops the input.
"""

CORUNDUM = """\
The module stands in the application section, at the synchronous streams (`*_axis_sync_*`) of all {ports} port(s).

1. Copy `fpga/app/template` of Corundum; add `{top}.v` to the sources of the NIC.
2. In the copy's `mqnic_app_block.v`, delete the `axil_ram` behind `s_axil_app_ctrl_*`, and what assigns
   `m_axis_sync_rx_*`, `m_axis_sync_tx_*`, `s_axis_sync_rx_tready` and `s_axis_sync_tx_tready` (all `_cpl_` stay). Put
   there `` `include "{top}.vh" ``.
3. In the NIC's `config.tcl`: `APP_ENABLE` 1, `APP_CTRL_ENABLE` 1, `APP_AXIS_SYNC_ENABLE` 1, {ports} port(s) in all,
   `AXIL_APP_CTRL_ADDR_WIDTH` at least 18 and `AXIS_SYNC_DATA_WIDTH` {bits}.

Widths of `tuser` are those of `PTP_TS_ENABLE` 1, `PTP_TS_WIDTH` 96 and `TX_TAG_WIDTH` 16. Where yours are narrower,
connect the low bits and tie the others to 0. The PTP time stamp of a received frame goes to the host with it; programs
do not see it.

Frames that the program sends (XDP_TX, XDP_REDIRECT) have transmit tag 0, and mqnic looks only at completions of tags
whose highest bit is set. Frames shorter than 60 bytes are left to the MAC to pad.
"""

OPENNIC = """\
This folder is a user plugin for the 250 MHz box; in OpenNIC's `script`:

    vivado -mode batch -source build.tcl -tclargs -board au50 -user_plugin FOLDER \\
        -num_cmac_port {ports} -num_phys_func {ports}

One QDMA, as many physical functions as network ports. The 322 MHz box stays what it is. The program's frames shorter
than {shortest} bytes are padded with zeros on their way to the network, since the MAC does not do it; frames of the
host pass as they are.
"""

_STEPS = {"axis": AXIS, "corundum": CORUNDUM, "opennic": OPENNIC}

_WHERE = {
    "axis": "where you put `s_axil`",
    "corundum": "the NIC's BAR for the application",
    "opennic": "BAR2, from 0x100000 on",
}

PAGE = """\
# `{top}`: the XDP program {program}

Digest {digest}; the device tells it (`digest` in `registers.md`).

## In the NIC

{steps}
## What becomes of frames

{verdicts}

Frames go in order. Port p is ifindex p + 1 to the program, its receive queue is always 0, and its clock the nanoseconds
since reset. Frames marked broken, shorter than 14 or longer than {max_frame} bytes (`--max-frame`) never reach the
program: they are dropped and counted. {host}

A frame takes ceil(bytes / {width}) cycles of the longer of frame in and frame out, all ports together; what maps may
cost beyond that is in `report.txt`. Ports take turns, and a frame enters as fast as its port delivers it.

## Ports

{pins}

## Control bus

AXI4-Lite, 32 bits, 256 KiB ({where}): the word addresses of `registers.md` times four. Whole words are
written; a write of part of one is answered with SLVERR and does nothing. Accesses to a map wait while one is under way.
`device.json` says which maps there are.

## Synthesis

`vivado -mode batch -source project.tcl` synthesizes the module out of context and writes utilization, timing and a
checkpoint; another part is its argument. **Neither script nor constraints have been run with Vivado, nor the module in
a NIC**: what is tested is the Verilog, in simulation between models of AXI. The delays that decided where its
{stages} stages are divided are those of an ECP5; an UltraScale+ is faster.
"""

_HOST = "Frames that the host sends do not pass the program, as in Linux."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdicts(kind: ShellKind) -> str:
    """What becomes of frames, as a table."""
    return table(("verdict", "the frame"), (IN_NIC if kind.is_nic else IN_STREAM).items())


def page(kind: ShellKind, top: str, pins: Sequence[Pin], design: Design, ports: int) -> str:
    """All that a user of the module has to know."""
    target = design.target
    rows = [(f"`{pin.name}`", "in" if pin.flow == In else "out", str(pin.width), pin.summary) for pin in pins]
    return PAGE.format(
        top=top,
        program=design.program.name,
        digest=design.digest.hex(),
        steps=_STEPS[kind.name].format(top=top, ports=ports, bits=8 * target.width, shortest=SHORTEST),
        verdicts=verdicts(kind),
        max_frame=target.max_frame,
        host=_HOST if kind.is_nic else "",
        width=target.width,
        pins=table(("port", "direction", "bits", ""), rows),
        where=_WHERE[kind.name],
        stages=design.schedule.stages,
    )
