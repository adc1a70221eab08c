"""A board with a program on it, as the files that synthesis and placement start from."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..codegen.flow import Design
from ..codegen.redirects import redirect_target
from ..hdl.bump import Bump
from ..hdl.errors import InputError, Refused
from ..hdl.mac.port import PortShape
from ..hdl.maps.base import RedirectTarget
from .board import Board
from .clocks import LINE_MHZ, plan
from .needs import check_ports
from .platform import MEMORIES, make_platform
from .top import Top

NAME = "top"

_SOURCE = re.compile(r'(attribute \\(?:src|cell_src|module_src) ")([^"]*)(")')
_DEVICE = re.compile(r"--\S+k --package \S+ --speed \S+")
_PACK = re.compile(r'"\$ECPPACK" (.*?)\s*--input')


@dataclass(frozen=True, slots=True)
class Files:
    """The same text wherever hardpath is installed: ``rtlil``, ``memories`` (Verilog), ``constraints`` (LPF).
    ``device``: options of nextpnr that name the FPGA; ``pack``: of ecppack. ``clocks``: MHz by domain."""

    rtlil: str
    memories: str
    constraints: str
    device: tuple[str, ...]
    pack: tuple[str, ...]
    clocks: dict[str, float]


def files_of(board: Board, designs: Sequence[Design], latencies: bool = False) -> Files:
    """One design for all ports of the board, or one for each of two. Its clock is the fastest that the PLL makes and
    the design can stand. ``latencies``: the device measures them from wire to wire. Raises `Refused` for programs that
    redirect to what boards do not have, and for a clock that is too slow for a port."""
    platform = make_platform(board)
    pll = plan(platform.default_clk_frequency / 1e6, min(design.target.clock_mhz for design in designs))
    for design in designs:
        check_ports(pll.datapath_mhz, design.target.width)
    shape = PortShape(rx_delay_ps=board.rx_delay_ps, tx_delay_ps=board.tx_delay_ps)
    top = Top(board, _device(board, designs, shape, pll.datapath_mhz * 1e6, latencies), pll)
    made = platform.build(top, NAME, do_build=False)
    text = {name: data if isinstance(data, str) else data.decode() for name, data in made.files.items()}
    script = text[f"build_{NAME}.sh"]
    device, pack = _DEVICE.search(script), _PACK.search(script)
    if device is None or pack is None:
        raise RuntimeError(f"Amaranth's script for {board.name} names no device")
    return Files(
        rtlil=_SOURCE.sub(_relative, text[f"{NAME}.il"]),
        memories=text[MEMORIES],
        constraints=text[f"{NAME}.lpf"],
        device=tuple(device[0].split()),
        pack=tuple(pack[1].split()),
        clocks={"sync": pll.datapath_mhz, "tx": LINE_MHZ, **{f"rx{i}": LINE_MHZ for i in range(board.ports)}},
    )


def _device(board: Board, designs: Sequence[Design], shape: PortShape, clock_hz: float, latencies: bool) -> Bump:
    if len(designs) > board.ports:
        raise InputError(f"{board.title} has one port: build one program for it")
    for design in designs:
        target = redirect_target(design)
        if target not in (None, RedirectTarget.PORT):
            raise Refused(
                f"{design.program.name} redirects to a {target.value}, and all that {board.title} has is ports",
                "redirect to interfaces; with --shell axis you steer such frames yourself",
            )
    datapaths = [design.stamped_datapath if latencies else design.datapath for design in designs]
    # Port 0 faces the network: nobody there may reach the control bus. The only port has to.
    return Bump(datapaths, shape, clock_hz, ports=board.ports)


def _relative(found: re.Match[str]) -> str:
    """Names of sources begin at the package: no path of the machine gets into what is built."""
    places = found[2].split("|")
    return found[1] + "|".join(_shortened(place) for place in places) + found[3]


def _shortened(place: str) -> str:
    for root in _ROOTS:
        if place.startswith(root):
            return place.removeprefix(root)
    return place


_ROOTS = sorted(
    {
        f"{folder}/"
        for folder in (*map(Path, sys.path), Path(__file__).parents[1], Path(__file__).resolve().parents[1])
        if folder.is_absolute()
    },
    key=len,
    reverse=True,
)
