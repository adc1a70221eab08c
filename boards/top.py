"""The whole FPGA: pads, clocks, resets and the device behind them."""

from __future__ import annotations

from typing import Any

from amaranth import ClockDomain, ClockSignal, Elaboratable, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from .board import Board
from .clocks import LINE_MHZ, Clocks, Pll
from .platform import PHY

PHY_RESET_MS = 20
"""How long PHYs are held in reset: all on these boards want 10 ms or less."""


UART = "uart"
"""The serial line to the control buses, where a board has one."""


class Top(Elaboratable):
    """``device``: a component with the lines of each of the board's ports (``rx_ctl_i`` and so on), in the domains
    ``sync``, ``tx`` and ``rx<i>``, and a serial line (`hdl.bump.Bump`). ``pll``: for the board's oscillator."""

    def __init__(self, board: Board, device: wiring.Component, pll: Pll) -> None:
        self._board = board
        self._device = device
        self._pll = pll

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ports = range(self._board.ports)
        m.submodules.clocks = clocks = Clocks(self._pll)
        m.domains.sync, m.domains.tx = ClockDomain("sync"), ClockDomain("tx")
        m.d.comb += [ClockSignal("sync").eq(clocks.datapath), ClockSignal("tx").eq(clocks.line)]
        for domain in ("sync", "tx", *(f"rx{i}" for i in ports)):
            # No domain may be reset without the others: counts that cross would jump.
            m.submodules[f"reset_{domain}"] = ResetSynchronizer(~clocks.settled, domain=domain)
        m.submodules.device = self._device
        awake = self._phy_reset(m)
        for i in ports:
            self._connect(m, platform, i, awake)
        if (UART, 0) in platform.resources:
            serial = platform.request(UART, 0, dir="-")
            m.d.comb += [
                self._device.uart_rx.eq(_input(m, serial.rx, "uart_rx")),
                _output(m, serial.tx, "uart_tx").eq(self._device.uart_tx),
            ]
        return m

    def _phy_reset(self, m: Module) -> Signal:
        """High once PHYs may run."""
        awake = Signal()
        waited = Signal(range(int(LINE_MHZ * 1000 * PHY_RESET_MS)))
        with m.If(waited == int(LINE_MHZ * 1000 * PHY_RESET_MS) - 1):
            m.d.tx += awake.eq(1)
        with m.Else():
            m.d.tx += waited.eq(waited + 1)
        return awake

    def _connect(self, m: Module, platform: Any, i: int, awake: Signal) -> None:
        """One PHY. Its management bus stays silent: its straps say all that is needed."""
        device = self._device
        phy = platform.request(PHY, i, dir="-")
        m.domains += ClockDomain(f"rx{i}")
        clock = _input(m, phy.rx_clk, f"rx_clk_{i}")  # the name by which `timing` knows the domain
        platform.add_clock_constraint(phy.rx_clk.io, LINE_MHZ * 1e6)
        m.d.comb += ClockSignal(f"rx{i}").eq(clock)
        for name, port in (("rx_data", phy.rx_data), ("rx_ctl", _control(phy, "rx"))):
            m.d.comb += getattr(device, f"{name}_{i}").eq(_input(m, port, f"{name}_{i}"))
        for name, port in (("tx_clk", phy.tx_clk), ("tx_data", phy.tx_data), ("tx_ctl", _control(phy, "tx"))):
            m.d.comb += _output(m, port, f"{name}_{i}").eq(getattr(device, f"{name}_{i}"))
        if hasattr(phy, "rst"):
            m.d.comb += _output(m, phy.rst, f"rst_{i}").eq(~awake)
        if hasattr(phy, "mdc"):
            m.d.comb += _output(m, phy.mdc, f"mdc_{i}").eq(0)


def _input(m: Module, port: Any, name: str) -> Any:
    m.submodules[name] = buffer = io.Buffer("i", port)
    return buffer.i


def _output(m: Module, port: Any, name: str) -> Any:
    m.submodules[name] = buffer = io.Buffer("o", port)
    return buffer.o


def _control(phy: Any, way: str) -> Any:
    """``rx_ctl`` or ``tx_ctl``, which some boards spell with an r."""
    return getattr(phy, f"{way}_ctl", None) or getattr(phy, f"{way}_ctrl")
