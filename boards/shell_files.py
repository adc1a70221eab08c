"""What goes with the Verilog of a shell: its description, templates, constraints and a Vivado project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ..codegen.flow import Design
from ..hdl.errors import InputError
from ..hdl.shell.base import Shell
from ..hdl.shell.pins import Pin
from .shell_pages import page
from .shells import ShellKind

PART = "xcu50-fsvh2104-2-e"
"""Of an Alveo U50."""


@dataclass(frozen=True)
class Bundle:
    """What the files are made from. ``top``: the module. ``part``: for Vivado."""

    kind: ShellKind
    shell: Shell
    design: Design
    ports: int
    top: str
    part: str

    @property
    def clock_mhz(self) -> float:
        """Of the streams."""
        return self.design.target.clock_mhz


def files(bundle: Bundle) -> dict[PurePosixPath, str]:
    """Contents by path below the folder of the output, Verilog apart."""
    if not bundle.part.lower().startswith("xc"):
        raise InputError(f"part {bundle.part!r}: name a device of Xilinx, such as {PART}")
    top = bundle.top
    made = {
        "README.md": page(bundle.kind, top, bundle.shell.pins, bundle.design, bundle.ports),
        f"{top}.vh": instance(bundle),
        f"{top}.xdc": constraints(bundle),
        "project.tcl": project(bundle),
        **({f"{top}_crossing.xdc": crossing(bundle)} if bundle.kind.crosses else {}),
        **(_BOXES[bundle.kind.name](bundle) if bundle.kind.name in _BOXES else {}),
    }
    return {PurePosixPath(name): text for name, text in made.items()}


def instance(bundle: Bundle) -> str:
    """An instantiation whose signals have the names of the shell, where there is one, or of the ports."""
    lines = [f"  .{pin.name}({_outside(bundle, pin)})" for pin in bundle.shell.pins]
    return f"{bundle.top} {bundle.top}_inst (\n" + ",\n".join(lines) + "\n);\n"


def _outside(bundle: Bundle, pin: Pin) -> str:
    """The NIC's signal for a port."""
    if not bundle.kind.is_nic:
        return pin.name
    if pin.name.endswith(("awaddr", "araddr")):
        return f"{pin.name}[{pin.width - 1}:0]"  # the NIC has more of them
    if pin.name in ("mod_rstn", "mod_rst_done"):
        return f"{pin.name}[0]"
    return "" if pin.name == "unreachable" else pin.name


def constraints(bundle: Bundle) -> str:
    """Clocks, for synthesis of the module by itself; the NIC has them already."""
    lines = ["# Out of context only: in the NIC these clocks exist already."]
    for port, mhz in bundle.kind.clocks.items():
        period = 1000 / (mhz or bundle.clock_mhz)
        lines.append(f"create_clock -name {port} -period {period:.3f} [get_ports {port}]")
    return "\n".join(lines) + "\n"


def crossing(bundle: Bundle) -> str:
    """For the way of the control bus between clocks; true in the NIC, too. To be scoped to the module."""
    period = 1000 / bundle.clock_mhz
    cells = "[get_cells -hierarchical -filter {NAME =~ *crossing/%s_reg*}]"
    lines = ["# Bits that change alone go through two registers; what they announce stands still until then."]
    lines += [
        f"set_max_delay -datapath_only -from {cells % name} {period:.3f}"
        for name in ("request", "answer", "far__*", "near__rdata")
    ]
    stages = "[get_cells -hierarchical -filter {NAME =~ *%s/stage*_reg*}]"
    lines += [f"set_property ASYNC_REG TRUE {stages % name}" for name in ("_synchronizer", "_reset", "running*")]
    resets = "[get_pins -hierarchical -filter {NAME =~ *_reset/stage*_reg*/PRE}]"
    return "\n".join([*lines, f"set_false_path -to {resets}"]) + "\n"


def project(bundle: Bundle) -> str:
    """Tcl that makes a Vivado project and synthesizes the module out of context."""
    top = bundle.top
    scoped = [
        f"add_files -fileset constrs_1 [file join $here {top}_crossing.xdc]",
        f"set_property SCOPED_TO_REF {top} [get_files {top}_crossing.xdc]",
    ]
    lines = [
        "# vivado -mode batch -source project.tcl [-tclargs PART]",
        "set here [file dirname [file normalize [info script]]]",
        f"set part [expr {{$argc > 0 ? [lindex $argv 0] : {{{bundle.part}}}}}]",
        f"create_project -force {top} [file join $here vivado] -part $part",
        f"add_files [file join $here {top}.v]",
        "set_property verilog_define SYNTHESIS=1 [current_fileset]",
        f"set_property top {top} [current_fileset]",
        f"add_files -fileset constrs_1 [file join $here {top}.xdc]",
        f"set_property USED_IN {{synthesis implementation out_of_context}} [get_files {top}.xdc]",
        *(scoped if bundle.kind.crosses else []),
        "set_property -name {STEPS.SYNTH_DESIGN.ARGS.MORE OPTIONS} -value {-mode out_of_context} "
        "-objects [get_runs synth_1]",
        "launch_runs synth_1 -jobs 4",
        "wait_on_run synth_1",
        'if {[get_property PROGRESS [get_runs synth_1]] ne "100%"} { error "synthesis failed" }',
        "open_run synth_1",
        "report_utilization -hierarchical -file [file join $here utilization.txt]",
        "report_timing_summary -file [file join $here timing.txt]",
        "write_checkpoint -force [file join $here " + top + ".dcp]",
    ]
    return "\n".join(lines) + "\n"


def _opennic_plugin(bundle: Bundle) -> dict[str, str]:
    """The files that OpenNIC's build takes from a user's plugin."""
    top, ports = bundle.top, bundle.ports
    guards = " || ".join(f"{name} != {ports}" for name in ("NUM_CMAC_PORT", "NUM_PHYS_FUNC"))
    box = (
        "// Included by box_250mhz.sv.\n"
        f"initial if ({guards} || NUM_QDMA != 1 || USE_PHYS_FUNC != 1)\n"
        f'  $fatal(1, "{top} is built for {ports} port(s), as many functions and one QDMA");\n'
        "assign mod_rst_done[15:1] = {15{1'b1}};\n" + instance(bundle)
    )
    build = [
        "# Sourced by OpenNIC's build.tcl, in the folder of the plugin.",
        f"read_verilog -quiet {top}.v",
        f"add_files -fileset constrs_1 {top}_crossing.xdc",
        f"set_property SCOPED_TO_REF {top} [get_files {top}_crossing.xdc]",
        "set defines [get_property verilog_define [current_fileset]]",
        "set_property verilog_define [concat $defines SYNTHESIS=1] [current_fileset]",
    ]
    return {
        "box_250mhz/user_plugin_250mhz_inst.vh": box,
        "box_250mhz/box_250mhz_address_map_inst.vh": "// AXI4-Lite of the box goes to its one module as it is.\n",
        "box_250mhz/box_250mhz_address_map.v": "// No address map: AXI4-Lite of the box goes to its one module.\n",
        "box_250mhz/box_250mhz_axi_crossbar.tcl": "# No crossbar: AXI4-Lite of the box goes to its one module.\n",
        "build_box_250mhz.tcl": "\n".join(build) + "\n",
    }


_BOXES = {"opennic": _opennic_plugin}
"""What else the builds of shells take, by their names."""
