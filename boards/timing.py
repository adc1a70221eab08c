"""How fast a placed design is, and what keeps it from being faster: from the report of nextpnr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .cells import line_of, nearest, part_of, signal_of

GLOBAL = "$glbnet$"
"""What nextpnr puts in front of the name of a net that it moved to a clock line."""


@dataclass(frozen=True, slots=True)
class Hop:
    """From one cell to the next: ``signal`` that leads there, ns of the cell before it and of the way. ``sources``:
    where our own sources make it, ``line``: of the XDP program, if known."""

    signal: str
    part: str
    logic_ns: float
    routing_ns: float
    sources: tuple[str, ...]
    line: int | None


@dataclass(frozen=True, slots=True)
class Clock:
    """``mhz``: what the board gives, ``reached``: what would still work, None if nothing depends on it. ``path``: the
    longest one."""

    domain: str
    mhz: float
    reached: float | None
    path: tuple[Hop, ...] = ()

    @property
    def meets(self) -> bool:
        """Whether it is fast enough."""
        return self.reached is None or self.reached >= self.mhz

    @property
    def slack(self) -> float:
        """How much faster than needed, as a ratio."""
        return float("inf") if self.reached is None else self.reached / self.mhz


def clocks_of(report: Mapping[str, Any], netlist: Mapping[str, Any], wanted: Mapping[str, float]) -> list[Clock]:
    """All clocks. ``report``: of nextpnr; ``netlist``: of yosys; ``wanted``: MHz by domain of the top."""
    domains = _domains(netlist)
    reached: dict[str, float] = {}
    for net, figures in report["fmax"].items():
        domain = domains.get(_bit(netlist, net))
        if domain is not None:
            reached[domain] = figures["achieved"]
    paths: dict[str, tuple[Hop, ...]] = {}
    for path in report["critical_paths"]:
        if path["from"] == path["to"] and path["from"].startswith("posedge "):
            domain = domains.get(_bit(netlist, path["from"].removeprefix("posedge ")))
            if domain is not None:
                paths[domain] = _hops(path["path"], netlist)
    # One clock can have the name of two domains.
    same = {"sync": "tx"} if "sync" not in reached else {}
    return [
        Clock(domain, mhz, reached.get(same.get(domain, domain)), paths.get(same.get(domain, domain), ()))
        for domain, mhz in wanted.items()
    ]


def _bit(netlist: Mapping[str, Any], net: str) -> int | str | None:
    known = netlist["netnames"].get(net.removeprefix(GLOBAL))
    return known["bits"][0] if known else None


def _domains(netlist: Mapping[str, Any]) -> dict[int | str | None, str]:
    """Domains by the bits of their clocks: outputs of the PLL and of the pads that PHYs give a clock to."""
    domains: dict[int | str | None, str] = {}
    for name, cell in netlist["cells"].items():
        connections = cell["connections"]
        if cell["type"] == "EHXPLLL":
            for port, domain in (("CLKOS", "sync"), ("CLKOP", "tx")):
                for bit in connections.get(port, ()):
                    domains[bit] = domain
        elif cell["type"] == "TRELLIS_IO" and name.startswith("rx_clk_"):
            domains[connections["O"][0]] = f"rx{name.removeprefix('rx_clk_').partition('.')[0]}"
    return domains


def _hops(steps: list[dict[str, Any]], netlist: Mapping[str, Any]) -> tuple[Hop, ...]:
    """A hop for each way between cells that takes time; carry chains are one."""
    hops: list[Hop] = []
    logic = 0.0
    for step in steps:
        if step["type"] != "routing":
            logic += step["delay"]
        if step["type"] == "routing" and step["delay"] > 0.05:
            net = step["net"]
            hops.append(Hop(signal_of(net), part_of(net), logic, step["delay"], _sources(netlist, net), line_of(net)))
            logic = 0.0
    if logic and hops:
        end = steps[-1]["to"]["cell"]
        hops.append(Hop(signal_of(end), part_of(end), logic, 0.0, _sources(netlist, end), line_of(end)))
    return tuple(hops)


def _sources(netlist: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Of a net or cell; what synthesis made is where the signal is that it named it after."""
    plain = name.partition("$")[0].partition("[")[0]
    for known, kind in ((plain, "netnames"), (plain, "cells"), (nearest(plain), "netnames")):
        found = _own(netlist[kind].get(known, {}).get("attributes", {}).get("src", ""))
        if found:
            return found
    return ()


def _own(places: str) -> tuple[str, ...]:
    """Those in Python sources; the rest is inside the synthesizer."""
    return tuple(dict.fromkeys(place for place in places.split("|") if ".py:" in place))


def to_json(clock: Clock) -> dict[str, Any]:
    """To be kept in a file."""
    return asdict(clock)


def from_json(facts: Mapping[str, Any]) -> Clock:
    """What `to_json` made."""
    path = tuple(Hop(**{**hop, "sources": tuple(hop["sources"])}) for hop in facts["path"])
    return Clock(facts["domain"], facts["mhz"], facts["reached"], path)
