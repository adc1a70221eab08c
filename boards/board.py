"""The boards that `hardpath build` knows."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from amaranth.build import Resource

from ..hdl.area import DEVICES, Device
from ..hdl.errors import InputError


@dataclass(frozen=True, slots=True)
class Board:
    """``module`` and ``platform``: the class in amaranth-boards. ``device``: as in `hdl.area.DEVICES`, which knows all
    ECP5 by what they hold. ``ports``: RGMII PHYs. ``rx_delay_ps``, ``tx_delay_ps``: as `hdl.mac.rgmii` says; what the
    FPGA has to delay depends on the straps of the PHY and the lengths of the board's lines, and is taken from designs
    that work on it. ``clock_mhz``: of the datapath, unless said otherwise. ``svf``: the board's programmer takes an SVF
    file rather than a bitstream."""

    name: str
    title: str
    module: str
    platform: str
    device: str
    ports: int
    rx_delay_ps: int
    tx_delay_ps: int
    clock_mhz: float = 62.5
    svf: bool = False

    @property
    def fpga(self) -> Device:
        """What its device has."""
        return next(device for device in DEVICES if device.name == self.device)

    def make_platform(self) -> type[Any]:
        """The platform's class. Raises `InputError` if amaranth-boards is not installed."""
        try:
            found: type[Any] = getattr(importlib.import_module(f"amaranth_boards.{self.module}"), self.platform)
        except ModuleNotFoundError as error:
            if error.name != "amaranth_boards":
                raise
            raise InputError(
                "the package amaranth-boards is not installed: install what boards need (pip install -e '.[boards]' in "
                "hardpath's folder)"
            ) from None
        return found


SLOW_GRADE_MHZ = 125 / 3
"""On an ECP5 of grade 6, whose block memories take 5.8 ns to give their contents, looking up a key and writing its
value takes 21 ns. Two ports need 31 MHz."""

BOARDS = {
    board.name: board
    for board in (
        Board(
            "colorlight_5a75b_r7_0", "Colorlight 5A-75B (revision 7.0)", "colorlight_5a75b_r7_0",
            "Colorlight_5A75B_R70Platform", "LFE5U-25F", 2, 2000, 0, SLOW_GRADE_MHZ,
        ),
        Board("versa_ecp5", "Lattice ECP5 Versa", "versa_ecp5", "VersaECP5Platform", "LFE5U-45F", 2, 0, 0, svf=True),
        Board(
            "versa_ecp5_5g", "Lattice ECP5-5G Versa", "versa_ecp5_5g", "VersaECP55GPlatform", "LFE5U-45F", 2, 0, 0,
            svf=True,
        ),
        Board("butterstick", "ButterStick r1.0", "butterstick", "ButterStickPlatform", "LFE5U-85F", 1, 2000, 0),
        Board("ecpix5", "LambdaConcept ECPIX-5 (85F)", "ecpix5", "ECPIX585Platform", "LFE5U-85F", 1, 0, 2000, svf=True),
        Board("logicbone", "Logicbone (45F)", "logicbone", "LogicbonePlatform", "LFE5U-45F", 1, 2000, 2000),
    )
}  # fmt: skip


def distinct(resources: Iterable[Resource]) -> Iterator[Resource]:
    """PHYs without the lines that an earlier one has already: a reset or a management bus that they share."""
    taken: set[str] = set()
    for resource in resources:
        kept = [line for line in resource.ios if not taken & set(line.ios[0].names)]
        taken.update(pin for line in kept for pin in line.ios[0].names)
        yield Resource(resource.name, resource.number, *kept, resource.attrs)
