"""The Verilog text: its names, and that simulators take it as it is meant."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amaranth import Module, Signal
from amaranth._toolchain.yosys import YosysError
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from hardpath.codegen.emit import verilog
from hardpath.hdl.errors import InputError


def test_no_folder_for_the_translated_yosys_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "builtin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    with pytest.raises(InputError, match=rf"^{file}/wasmtime: Not a directory: .*set XDG_CACHE_HOME to a writable"):
        verilog(Sorter(), "sorter")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the runtime says it; for root it finds one."""

    class Homeless:
        def run(self, *_: Any, **__: Any) -> str:
            raise YosysError("wasmtime._error.WasmtimeError: config file not specified and failed to get the default")

    monkeypatch.setattr(sys.modules[verilog.__module__], "find_yosys", lambda _: Homeless())
    with pytest.raises(InputError, match=r"this user has no home, .*: set HOME to a writable folder"):
        verilog(Sorter(), "sorter")


class Sorter(wiring.Component):
    """Sends an item on, with a number that is partly constant and partly chosen by the first register, which is
    zero for ever if nothing comes in."""

    def __init__(self) -> None:
        layout = data.StructLayout({"first": 4, "second": 4})
        super().__init__(
            {"input": In(stream.Signature(layout)), "output": Out(stream.Signature(layout)), "number": Out(8)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        wiring.connect(m, wiring.flipped(self.input), wiring.flipped(self.output))
        seen = Signal()
        with m.If(self.input.valid):
            m.d.sync += seen.eq(1)
        number = Signal(8)
        m.d.comb += number[4:].eq(0xA)
        with m.If(seen):
            m.d.comb += number[:4].eq(self.input.payload.first)
        with m.Else():
            m.d.comb += number[:4].eq(5)
        m.d.comb += self.number.eq(number)
        return m


def test_ports_have_single_underscores() -> None:
    text = verilog(Sorter(), "sorter")
    (ports,) = re.findall(r"^module sorter\((.*?)\);", text, re.M)
    names = {"input_payload", "input_valid", "input_ready", "output_payload", "output_valid", "output_ready"}
    assert set(ports.split(", ")) == names | {"number", "clk", "rst"}


def test_paths_of_this_machine_are_not_in_the_text() -> None:
    assert str(Path(__file__).parents[2]) not in verilog(Sorter(), "sorter")


@pytest.mark.parametrize("generation", ["2005", "2012"])
def test_everything_has_a_value_from_the_start_in_icarus(generation: str, tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    (tmp_path / "sorter.v").write_text(verilog(Sorter(), "sorter"))
    (tmp_path / "bench.v").write_text(
        "module bench; wire [7:0] number;"
        " sorter dut(.clk(1'b0), .rst(1'b0), .input_valid(1'b0), .number(number));"
        ' initial begin #1 $display("%h", number); end endmodule\n'
    )
    subprocess.run(
        ["iverilog", f"-g{generation}", "-s", "bench", "-o", "bench.vvp", "bench.v", "sorter.v"],
        cwd=tmp_path,
        check=True,
    )
    output = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert output.stdout.strip() == "a5"


class Chooser(wiring.Component):
    """A choice of many, which Yosys writes as a Verilog function."""

    def __init__(self) -> None:
        super().__init__({"select": In(3), "number": Out(8)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        with m.Switch(self.select):
            for case in range(6):
                with m.Case(case):
                    m.d.comb += self.number.eq(17 * case)
        return m


def test_icarus_takes_a_choice_of_many(tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    text = verilog(Chooser(), "chooser")
    assert "function" in text
    (tmp_path / "chooser.v").write_text(text)
    (tmp_path / "bench.v").write_text(
        "module bench; wire [7:0] number; chooser dut(.select(3'd4), .number(number));"
        ' initial begin #1 $display("%0d", number); end endmodule\n'
    )
    subprocess.run(["iverilog", "-s", "bench", "-o", "bench.vvp", "bench.v", "chooser.v"], cwd=tmp_path, check=True)
    output = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert output.stdout.strip() == "68"
