"""Shells as Verilog for cocotb: each stream with pins of its own and the names that `shell_tests.py` drives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import icarus
from amaranth.lib.wiring import In
from hardpath.boards.shells import SHELLS
from hardpath.codegen.emit import verilog
from hardpath.codegen.flow import Design
from hardpath.hdl.shell.pins import Pin

STREAMS = {
    "axis": {"s_axis": "from_net", "m_axis": "to_host"},
    "corundum": {
        "s_axis_sync_rx": "from_net",
        "m_axis_sync_rx": "to_host",
        "s_axis_sync_tx": "from_host",
        "m_axis_sync_tx": "to_net",
    },
    "opennic": {
        "s_axis_adap_rx_250mhz": "from_net",
        "m_axis_qdma_c2h": "to_host",
        "s_axis_qdma_h2c": "from_host",
        "m_axis_adap_tx_250mhz": "to_net",
    },
}
CONTROL = {"axis": "s_axil", "corundum": "s_axil_app_ctrl", "opennic": "s_axil"}
PLAIN = {"aclk": "clk", "axis_aclk": "clk", "axil_aclk": "axil_clk", "aresetn": "rst_n", "mod_rstn": "rst_n"}


def _wires(shell: str, pin: Pin, ports: int) -> Iterator[tuple[str, int]]:
    """The bench's pins for a pin of the shell, from the highest bits to the lowest, with their widths."""
    prefix, _, field = pin.name.rpartition("_t")
    if stream := STREAMS[shell].get(prefix):
        for i in reversed(range(ports)):
            yield f"{stream}_{i}_t{field}", pin.width // ports
    elif pin.name.startswith(CONTROL[shell]):
        yield f"axil_{pin.name.rpartition('_')[2]}", pin.width
    else:
        yield PLAIN.get(pin.name, pin.name), pin.width


def _bench(shell: str, top: str, pins: Sequence[Pin], ports: int) -> str:
    declared, connected = [], []
    for pin in pins:
        wires = list(_wires(shell, pin, ports))
        way = "input" if pin.flow == In else "output"
        declared += [f"  {way} [{width - 1}:0] {name}" for name, width in wires]
        connected.append(f"    .{pin.name}({{{', '.join(name for name, _ in wires)}}})")
    text = "module bench (\n" + ",\n".join(declared) + "\n);\n"
    return f"{text}  {top} {top} (\n" + ",\n".join(connected) + "\n  );\nendmodule\n"


def build(folder: Path, design: Design, shell: str, ports: int) -> None:
    """Compile the bench of a shell for Icarus into a folder."""
    made, top = SHELLS[shell].build(design, ports), f"program_{shell}"
    icarus.build(folder, verilog(made, top) + _bench(shell, top, made.pins, ports), "bench", "1ps")


def run(folder: Path, settings: dict[str, object], *tests: str) -> None:
    """Run tests of `shell_tests.py` on what `build` made; fails where they do."""
    file = folder / "settings.json"
    file.write_text(json.dumps(settings))
    icarus.run(folder, "bench", "shell_tests", tests, {"SHELL_BENCH": str(file), "COCOTB_LOG_LEVEL": "WARNING"})
