"""Memories written as Verilog modules behave like Amaranth's own."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib.memory import Memory
from amaranth.sim import Simulator
from hardpath.hdl.verilog_memory import IN_LOGIC, NO_COLLISIONS, VerilogMemories

CYCLES = 300


class Bench:
    """A memory whose port signals get random values in every cycle."""

    def __init__(self, rng: random.Random) -> None:
        depth, parts = rng.choice((1, 2, 5, 8)), rng.choice((1, 3))
        init = [rng.getrandbits(24) for _ in range(rng.randint(0, depth))]
        self.memory = Memory(shape=24, depth=depth, init=init)
        granularity = 24 // parts
        writes = [self.memory.write_port(granularity=granularity) for _ in range(rng.randint(1, 2))]
        reads = [
            self.memory.read_port(transparent_for=rng.sample(writes, rng.randint(0, len(writes)))) for _ in range(2)
        ]
        asynchronous = self.memory.read_port(domain="comb")
        self.inputs = {
            **{f"w{i}_{field}": getattr(p, field) for i, p in enumerate(writes) for field in ("en", "addr", "data")},
            **{f"r{i}_{field}": getattr(p, field) for i, p in enumerate(reads) for field in ("en", "addr")},
            "a_addr": asynchronous.addr,
        }
        self.inputs = {name: signal for name, signal in self.inputs.items() if len(signal)}
        self.outputs = [*(port.data for port in reads), asynchronous.data]
        self.stimuli = [self._stimulus(rng, depth, i) for i in range(CYCLES)]

    def _stimulus(self, rng: random.Random, depth: int, cycle: int) -> dict[str, int]:
        values = {name: rng.getrandbits(len(signal)) for name, signal in self.inputs.items()}
        for name in values:
            if name.endswith("addr"):
                values[name] = rng.randrange(depth)
            if cycle == 0 and name.startswith("r") and name.endswith("en"):
                values[name] = 1  # what a port holds before its first read is nobody's business
        addresses = [values[name] for name in values if name.startswith("w") and name.endswith("addr")]
        if len(set(addresses)) < len(addresses) or (depth == 1 and "w1_en" in values):
            values["w1_en"] = 0  # two writes to one row at one edge: undefined
        return values

    def module(self) -> Module:
        m = Module()
        m.submodules.memory = self.memory
        return m

    def in_amaranth(self) -> list[list[int]]:
        seen = []

        async def process(ctx: Any) -> None:
            for stimulus in self.stimuli:
                for name, value in stimulus.items():
                    ctx.set(self.inputs[name], value)
                await ctx.tick()
                seen.append([ctx.get(signal) for signal in self.outputs])

        simulator = Simulator(self.module())
        simulator.add_clock(1e-6)
        simulator.add_testbench(process)
        simulator.run()
        return seen

    def in_icarus(self, folder: Path) -> list[list[int]]:
        memories = VerilogMemories()
        named = {**self.inputs, **{f"out{i}": signal for i, signal in enumerate(self.outputs)}}
        for name, signal in named.items():
            signal.name = name
        text = verilog.convert(self.module(), platform=memories, ports=list(named.values())) + memories.text
        lines = ["module bench;", "  reg clk = 0; reg rst = 0;"]
        lines += [f"  reg [{len(s) - 1}:0] {name};" for name, s in self.inputs.items()]
        lines += [f"  wire [{len(s) - 1}:0] out{i};" for i, s in enumerate(self.outputs)]
        connections = ", ".join(f".{name}({name})" for name in ("clk", *named))
        lines += [f"  top dut({connections});", "  initial begin"]
        display = ", ".join([f'"{"%0d " * len(self.outputs)}"', *(f"out{i}" for i in range(len(self.outputs)))])
        for stimulus in self.stimuli:
            lines += [f"    {name} = {value};" for name, value in stimulus.items()]
            lines += ["    #1 clk = 1; #1;", f"    $display({display});", "    clk = 0; #1;"]
        lines += ["    $finish;", "  end", "endmodule"]
        source, program = folder / "bench.v", folder / "bench.vvp"
        source.write_text(text + "\n".join(lines))
        subprocess.run(["iverilog", "-g2001", "-s", "bench", "-o", program, source], check=True, capture_output=True)
        done = subprocess.run(["vvp", "-n", program], check=True, capture_output=True, text=True)
        return [[int(word) for word in line.split()] for line in done.stdout.splitlines() if line.strip()[:1].isdigit()]


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog (iverilog) is not installed")
@pytest.mark.parametrize("seed", range(12))
def test_ports_do_the_same_as_in_amaranths_simulator(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    bench = Bench(rng)
    expected = bench.in_amaranth()
    assert bench.in_icarus(tmp_path) == expected


def test_memories_alike_share_a_module() -> None:
    memories, m = VerilogMemories(), Module()
    for _ in range(2):
        memory = Memory(shape=8, depth=4, init=[])
        memory.read_port()
        m.submodules += memory
    verilog.convert(m, platform=memories, ports=[])
    assert memories.text.count("endmodule") == 1


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog (iverilog) is not installed")
def test_what_a_memory_is_to_be_made_of_is_said_where_it_is_declared() -> None:
    memory = Memory(shape=8, depth=4, init=[1, 2, 3], attrs=IN_LOGIC)
    m = Module()
    m.submodules.memory = memory
    port, platform = memory.read_port(), VerilogMemories()
    verilog.convert(m, platform=platform, ports=[port.addr, port.data], emit_src=False)
    assert '(* rom_style = "logic" *) reg [7:0] mem [0:3];' in platform.text


def test_who_promises_not_to_look_at_collisions_gets_nonsense_when_it_does(tmp_path: Path) -> None:
    """A read at the edge of a write gives neither the old nor the new row in simulation, and the new one where the port
    is transparent."""
    m = Module()
    m.submodules.memory = memory = Memory(shape=8, depth=4, init=[0x11, 0x22], attrs=NO_COLLISIONS)
    write, blind = memory.write_port(), memory.read_port()
    seeing = memory.read_port(transparent_for=[write])
    memories = VerilogMemories()
    ports = [write.en, write.addr, write.data, blind.addr, blind.data, seeing.addr, seeing.data]
    m.d.comb += [blind.en.eq(1), seeing.en.eq(1)]
    for number, port in enumerate(ports):
        port.name = f"port{number}"
    text = verilog.convert(m, platform=memories, ports=ports) + memories.text
    text += """
module bench; reg clk = 0; wire [7:0] blind, seeing;
  top dut(.clk(clk), .port0(1'b1), .port1(2'd1), .port2(8'h33), .port3(2'd1), .port4(blind),
    .port5(2'd1), .port6(seeing));
  initial begin
    #1 clk = 1; #1 $display("%h %h", blind, seeing);
    clk = 0; #1 clk = 1; #1 $display("%h %h", blind, seeing);
    $finish;
  end
endmodule
"""
    (tmp_path / "bench.v").write_text(text)
    made = tmp_path / "bench.vvp"
    subprocess.run(["iverilog", "-s", "bench", "-o", made, tmp_path / "bench.v"], check=True, capture_output=True)
    done = subprocess.run(["vvp", "-n", made], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["dd", "33", "cc", "33"]
