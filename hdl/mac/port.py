"""A port: the pins of one RGMII PHY on one side, frame streams on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .beats import line_layout
from .mac import COUNTERS, TIMED, Mac
from .rgmii import RgmiiReceiver, RgmiiTransmitter
from .speed import SPEED, SpeedMeter
from .stamps import STAMP


@dataclass(frozen=True, slots=True)
class PortShape:
    """``width``: bytes a beat, a power of two; ``max_frame``: bytes without FCS; ``depth``: bytes of each queue, a
    power of two times ``width``; ``stamped`` as in `Mac`; ``rx_delay_ps`` and ``tx_delay_ps`` as `rgmii` says."""

    width: int = 8
    max_frame: int = 1518
    depth: int = 4096
    rx_delay_ps: int = 0
    tx_delay_ps: int = 2000
    stamped: bool = False


class Port(wiring.Component):
    """Domains: ``rx``, the PHY's receive clock; ``tx``, 125 MHz of the board; ``sync``, as in `Mac`.

    Lines of RGMII without pads: ``rx_ctl``, ``rx_data``, ``tx_clk``, ``tx_ctl``, ``tx_data``. In ``sync``: ``output``,
    ``input``, ``counters`` and what else `Mac` has. ``speed`` Out(SPEED), in ``tx``: follows the clock of the PHY.
    """

    def __init__(self, shape: PortShape) -> None:
        self._shape = shape
        side = STAMP.size if shape.stamped else 0
        super().__init__({
            "rx_ctl": In(1),
            "rx_data": In(4),
            "tx_clk": Out(1),
            "tx_ctl": Out(1),
            "tx_data": Out(4),
            "output": Out(stream.Signature(line_layout(shape.width, side))),
            "input": In(stream.Signature(line_layout(shape.width, side))),
            "counters": Out(COUNTERS),
            "speed": Out(SPEED),
            **(TIMED if shape.stamped else {}),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape = self._shape
        m.submodules.mac = mac = Mac(shape.width, shape.max_frame, shape.depth, shape.stamped)
        m.submodules.rgmii_rx = receiver = RgmiiReceiver(shape.rx_delay_ps)
        m.submodules.rgmii_tx = transmitter = RgmiiTransmitter(shape.tx_delay_ps)
        m.submodules.meter = meter = SpeedMeter()
        m.d.comb += [
            receiver.rx_ctl.eq(self.rx_ctl),
            receiver.rx_data.eq(self.rx_data),
            mac.rx_symbol.eq(receiver.symbol),
            transmitter.symbol.eq(mac.tx_symbol),
            transmitter.speed.eq(meter.speed),
            mac.tick.eq(transmitter.tick),
            mac.nibbles.eq(~meter.speed.mbit_1000),
            self.tx_clk.eq(transmitter.tx_clk),
            self.tx_ctl.eq(transmitter.tx_ctl),
            self.tx_data.eq(transmitter.tx_data),
            self.counters.eq(mac.counters),
            self.speed.eq(meter.speed),
        ]
        if shape.stamped:
            m.d.comb += [mac.now.eq(self.now), self.departed.eq(mac.departed), self.departs.eq(mac.departs)]
        wiring.connect(m, wiring.flipped(self.output), mac.output)
        wiring.connect(m, wiring.flipped(self.input), mac.input)
        return m
