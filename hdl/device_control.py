"""What a device tells about its ports, on a control bus of its own."""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .latency_bank import BIN_CYCLES, BINS, KINDS, TOTAL_STRIDE, LatencyBank
from .mac.mac import COUNTERS
from .mac.stamps import DEPARTURE
from .register_bus import BUS, RegisterBus
from .registers import Register, RegisterMap, table

UNIT = 2
"""Of the control buses; 0 and 1 are those of the programs for port 0 and 1, maybe of the same one."""

MAX_PORTS = 2
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
    "unreachable": "from this port, with nowhere to go",
}

REGISTERS = (
    Register("magic", 0x0000, "r", f"0x{MAGIC:08x}, \"HPTW\""),
    Register("version", 0x0001, "r", f"of these registers: {VERSION}"),
    Register("ports", 0x0002, "r", "number of ports"),
    Register("management", 0x0003, "r", "bit i: port i takes management frames"),
    Register("programs", 0x0004, "r", "number of programs: one for all ports, or one for each"),
    Register("clock_khz", 0x0005, "r", "clock of the datapath in kHz"),
    Register("latency_bins", 0x0008, "r", "bins of each latency histogram; 0 if there are none"),
    Register("latency_bin_cycles", 0x0009, "r", "cycles that one bin counts; the last one: and more"),
    Register("latency_lost", 0x000A, "r", "frames whose latency is not counted, because too many came at once"),
    Register("latency_clear", 0x000B, "w", "latencies start over"),
    Register("latency_clearing", 0x000C, "r", "1 while they do"),
    *(
        Register(f"port{i}_{name}", 0x0100 * (i + 1) + k, "r", f"port {i}: {summary}")
        for i in range(MAX_PORTS)
        for k, (name, summary) in enumerate(_SUMMARIES.items())
    ),
    Register("latency_total", 0x0800, "r", "least, most, frames, sum (2 words) of each kind", KINDS * TOTAL_STRIDE),
    Register("latency_bin", 0x1000, "r", "frames by latency, of each kind", KINDS * BINS),
)
"""Latencies are cycles from the first byte behind the start delimiter in to that out, of frames that are not sent to
the edge with which their verdict is counted. Their kinds are verdict + 8 * port where the frame came in. A frame that
goes out of several ports counts once for each; one with nowhere to go only as unreachable."""


def markdown() -> str:
    """docs/port-registers.md."""
    return "\n".join((
        "# Registers of the ports",
        "",
        "Made from `hdl/device_control.py` by `python -m hardpath.hdl.device_control`; do not edit.",
        "",
        f"These are on the control bus of unit {UNIT} ([control messages](control-messages.md)), word by word as those",
        "of [the programs](register-map.md).",
        "",
        "Latencies are cycles from the first byte behind the start delimiter in to that out, of frames that are not",
        "sent to the edge with which their verdict is counted. A frame that goes out of several ports counts once for",
        "each; one that has nowhere to go is counted as unreachable, and has no latency.",
        "",
        "Their kinds are verdict + 8 * port where the frame came in; each has its totals at",
        f"multiples of {TOTAL_STRIDE} words (least, most, frames, and the sum in two words, the low one to be read",
        "first), and its bins one behind the other.",
        "",
        *table(REGISTERS),
        "",
    ))


PORT_COUNTERS = tuple(_SUMMARIES)
"""Names of a port's counters, each 32 bits."""


class DeviceControl(wiring.Component):
    """``bus`` (`BUS`); for each port i ``counters_i`` In(COUNTERS) and ``unreachable_i`` In(32); ``sample_k`` and
    ``valid_k`` for each of ``sources`` of latencies, as `LatencyBank` has them. ``management``: bit i as the register
    says."""

    def __init__(self, programs: int, ports: int, management: int, clock_hz: float, sources: int) -> None:
        self._ports = ports
        self._constants = {
            "magic": MAGIC,
            "version": VERSION,
            "ports": ports,
            "management": management,
            "programs": programs,
            "clock_khz": round(clock_hz / 1000),
            "latency_bins": BINS if sources else 0,
            "latency_bin_cycles": BIN_CYCLES,
        }
        self._sources = sources
        each = {"counters": In(COUNTERS), "unreachable": In(32)}
        super().__init__({
            "bus": Out(wiring.Signature(BUS)),
            **{f"{name}_{i}": member for i in range(ports) for name, member in each.items()},
            **{f"sample_{k}": In(DEPARTURE) for k in range(sources)},
            **{f"valid_{k}": In(1) for k in range(sources)},
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = RegisterBus(m, self.bus, RegisterMap(REGISTERS))
        for name, value in self._constants.items():
            bus.read(name, Const(value, 32))
        for i in range(self._ports):
            counters = getattr(self, f"counters_{i}")
            for name in COUNTERS.members:
                bus.read(f"port{i}_{name}", counters[name])
            bus.read(f"port{i}_unreachable", getattr(self, f"unreachable_{i}"))
        if self._sources:
            self._measure(m, bus)
        bus.finish()
        return m

    def _measure(self, m: Module, bus: RegisterBus) -> None:
        m.submodules.latencies = bank = LatencyBank(self._sources)
        for k in range(self._sources):
            for name in ("sample", "valid"):
                m.d.comb += getattr(bank, f"{name}_{k}").eq(getattr(self, f"{name}_{k}"))
        totals = bus.read_slowly("latency_total", bank.word, KINDS * TOTAL_STRIDE, bank.done)
        bins = bus.read_slowly("latency_bin", bank.word, KINDS * BINS, bank.done)
        bus.read("latency_lost", bank.lost)
        bus.read("latency_clearing", bank.clearing)
        m.d.comb += [
            bank.ask.eq(totals | bins),
            bank.totals.eq(totals),
            bank.index.eq(bus.address),  # blocks begin at multiples of their size
            bank.clear.eq(bus.written("latency_clear")),
        ]


if __name__ == "__main__":
    print(markdown(), end="")
