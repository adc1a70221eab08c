"""What a device in the wire tells about its ports, on a control bus of its own."""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .mac.mac import COUNTERS
from .register_bus import BUS, RegisterBus
from .registers import Register, RegisterMap

UNIT = 2
"""Of the control buses; 0 and 1 are those of the datapaths of port 0 and 1."""

PORTS = 2
MAGIC = 0x48505457  # "HPTW"
VERSION = 1

_SUMMARIES = {
    "rx_good": "frames that were good",
    "rx_code": "within which the PHY signalled an error",
    "rx_oversize": "longer than the longest frame of the datapath",
    "rx_runt": "shorter than 60 bytes and FCS",
    "rx_fcs": "with a wrong FCS",
    "rx_false_carrier": "carrier without a frame",
    "rx_lost": "good or bad, but the queue was full",
    "tx_good": "frames sent",
    "tx_underrun": "cut off, because a byte came too late",
    "tx_killed": "cut off, because they ended with an error",
    "unreachable": "from this port, redirected to an interface that is none of the ports",
}

REGISTERS = (
    Register("magic", 0x0000, "r", f"0x{MAGIC:08x}, \"HPTW\""),
    Register("version", 0x0001, "r", f"of these registers: {VERSION}"),
    Register("ports", 0x0002, "r", "number of ports"),
    Register("management", 0x0003, "r", "bit i: port i takes management frames"),
    *(
        Register(f"port{i}_{name}", 0x0100 * (i + 1) + k, "r", f"port {i}: {summary}")
        for i in range(PORTS)
        for k, (name, summary) in enumerate(_SUMMARIES.items())
    ),
)

PORT_COUNTERS = tuple(_SUMMARIES)
"""Names of a port's counters, each 32 bits."""


class BumpControl(wiring.Component):
    """``bus`` (`BUS`); for each of ``ports`` ports i ``counters_i`` In(COUNTERS) and ``unreachable_i`` In(32).
    ``management``: bit i as the register says."""

    def __init__(self, ports: int, management: int) -> None:
        self._ports = ports
        self._management = management
        each = {"counters": In(COUNTERS), "unreachable": In(32)}
        super().__init__({
            "bus": Out(wiring.Signature(BUS)),
            **{f"{name}_{i}": member for i in range(ports) for name, member in each.items()},
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = RegisterBus(m, self.bus, RegisterMap(REGISTERS))
        for name, value in {
            "magic": MAGIC, "version": VERSION, "ports": self._ports, "management": self._management
        }.items():
            bus.read(name, Const(value, 32))
        for i in range(self._ports):
            counters = getattr(self, f"counters_{i}")
            for name in COUNTERS.members:
                bus.read(f"port{i}_{name}", counters[name])
            bus.read(f"port{i}_unreachable", getattr(self, f"unreachable_{i}"))
        bus.finish()
        return m
