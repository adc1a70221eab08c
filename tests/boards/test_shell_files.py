"""What comes with the Verilog of a shell fits it, and what a shell cannot do is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from hardpath.cli.main import main

DATA = Path(__file__).parent / "data"
DROP = Path(__file__).parents[2] / "examples" / "drop" / "drop.o"
CLOCKS = {"axis": {"aclk"}, "corundum": {"clk"}, "opennic": {"axis_aclk", "axil_aclk"}}


def compiled(folder, *arguments):
    with redirect_stderr(StringIO()) as said, redirect_stdout(StringIO()):
        status = main(["compile", *map(str, arguments), "-o", str(folder)])
    return status, said.getvalue()


@pytest.fixture(scope="module", params=CLOCKS)
def made(request, tmp_path_factory):
    """A shell's name and the folder with its files."""
    folder = tmp_path_factory.mktemp(request.param)
    ports = {"axis": [], "corundum": ["--shell-ports", 2, "--width", 8], "opennic": ["--part", "xcu250-figd2104-2L-e"]}
    status, said = compiled(folder, DROP, "--shell", request.param, *ports[request.param])
    assert status == 0, said
    return request.param, folder


def described(folder):
    """Ports that the README has: direction and width by name."""
    rows = re.findall(r"^\| `(\w+)` \| (in|out) \| (\d+) \|", (folder / "README.md").read_text(), re.M)
    return {name: (way, int(width)) for name, way, width in rows}


def test_readme_and_instance_have_the_ports_of_the_module(made):
    shell, folder = made
    verilog = (folder / f"drop_{shell}.v").read_text()
    body = verilog[verilog.index(f"module drop_{shell}(") :]
    body = body[: body.index("endmodule")]
    declared = re.findall(r"^  (in|out)put (?:\[(\d+):0\] )?(\w+);", body, re.M)
    ports = {name: (way, int(high or 0) + 1) for way, high, name in declared}
    assert described(folder) == ports
    connected = re.findall(r"^  \.(\w+)\(", (folder / f"drop_{shell}.vh").read_text(), re.M)
    assert sorted(connected) == sorted(ports)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="install iverilog")
def test_instances_stand_where_the_nic_has_its_signals(made, tmp_path):
    shell, folder = made
    widths = {name: width for name, (_, width) in described(folder).items()}
    if shell != "axis":
        widths |= {name: 32 for name in widths if name.endswith(("awaddr", "araddr"))}
        widths |= {name: 16 for name in widths if name.startswith("mod_")}
    nic = "".join(f"wire [{width - 1}:0] {name};\n" for name, width in widths.items())
    parameters = "".join(f"localparam {name} = 1;\n" for name in ("NUM_CMAC_PORT", "NUM_PHYS_FUNC", "NUM_QDMA"))
    include = "box_250mhz/user_plugin_250mhz_inst.vh" if shell == "opennic" else f"drop_{shell}.vh"
    around = f"module nic;\n{parameters}localparam USE_PHYS_FUNC = 1;\n{nic}`include \"{include}\"\nendmodule\n"
    (tmp_path / "nic.v").write_text(around)
    command = ["iverilog", "-g2012", "-Wall", "-t", "null", "-s", "nic", f"-I{folder}"]
    command += [str(tmp_path / "nic.v"), str(folder / f"drop_{shell}.v")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "nic.v" in line or ".vh" in line]


def test_constraints_name_clocks_and_registers_that_are_there(made):
    shell, folder = made
    clocks = re.findall(r"^create_clock -name (\w+) -period (\S+) \[get_ports (\w+)\]$", _text(folder, ".xdc"), re.M)
    assert {port for _, _, port in clocks} == CLOCKS[shell] <= described(folder).keys()
    assert ("4.000" in {period for _, period, _ in clocks}) and all(name == port for name, _, port in clocks)
    if shell == "opennic":
        registers = set(re.findall(r"^  reg (?:\[\d+:0\] )?\\?(\S+)", _text(folder, ".v"), re.M))
        named = re.findall(r"NAME =~ \*\S*/([\w*]+)_reg\*", _text(folder, "_crossing.xdc"))
        assert named and all(any(re.fullmatch(n.replace("*", ".*"), r) for r in registers) for n in named)


def test_project_names_files_that_are_there(made):
    """Run by Tcl itself, with Vivado's commands that only take notes."""
    tkinter = pytest.importorskip("tkinter", reason="Python was built without Tcl")
    shell, folder = made
    calls = []

    def note(*words):
        calls.append(words)
        return "100%" if words[0] == "get_property" else words[-1]

    for script, home in (("project.tcl", folder), *([("build_box_250mhz.tcl", folder)] if shell == "opennic" else [])):
        tcl = tkinter.Tcl()
        tcl.createcommand("unknown", note)
        tcl.eval("set argc 0; set argv {}")
        tcl.eval(f"cd {home}; source {folder / script}")
    files = [words[-1] for words in calls if words[0] in ("add_files", "read_verilog")]
    assert files and all((folder / name).exists() for name in files)
    part = {"opennic": "xcu250-figd2104-2L-e"}.get(shell, "xcu50-fsvh2104-2-e")
    assert [words[-1] for words in calls if words[0] == "create_project"] == [part]
    assert any(words[:2] == ("launch_runs", "synth_1") for words in calls)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["tells.o", "--program", "tells", "--shell", "corundum"], 3, "has no stream for them"),
        (["tells.o", "--program", "to_cpu", "--shell", "opennic"], 3, "redirects to a cpu"),
        (["orders.o", "--shell", "opennic", "--width", "8"], 2, "streams of 512 bits, not 64"),
        (["orders.o", "--shell", "axis", "--width", "128"], 2, "not 1024"),
        (["orders.o", "--shell", "opennic", "--clock", "200"], 2, "a clock of 250 MHz"),
        (["orders.o", "--shell", "opennic", "--shell-ports", "3"], 2, "choose 1 to 2"),
        (["orders.o", "--shell", "axis", "--shell-ports", "2"], 2, "`tid` tells the port"),
        (["orders.o", "--shell", "axis", "--part", "LFE5U-25F"], 2, "name a device of Xilinx"),
        (["orders.o", "--part", "xcu50"], 2, "name one with --shell"),
    ],
)
def test_what_a_shell_cannot_do_is_refused(arguments, status, message, tmp_path):
    found, output = compiled(tmp_path / "out", DATA / arguments[0], *arguments[1:])
    assert (found, message in output) == (status, True), output
    assert not (tmp_path / "out").exists()


def _text(folder, end):
    (path,) = (path for path in folder.iterdir() if re.fullmatch(rf"drop_[a-z]+{re.escape(end)}", path.name))
    return path.read_text()
