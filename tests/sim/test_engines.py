"""Both engines on a small echo (tests/sim/data/echo.v): the same frames, the same files, whatever the conditions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from engines_here import skipped_without
from hardpath.hdl.errors import InputError
from hardpath.sim.captures import Frame, read_capture, write_frames
from hardpath.sim.cocotb_engine import CocotbEngine
from hardpath.sim.engine import Bus, Engine, Netlist, Options, RunResult, SimulationError
from hardpath.sim.results import FrameResult, Verdict
from hardpath.sim.timing import Rate
from hardpath.sim.traffic import traffic
from hardpath.sim.traffic_random import random_frames
from hardpath.sim.verilator_engine import VerilatorEngine

VERILOG = (Path(__file__).parent / "data" / "echo.v").read_text()
FRAME_COUNT, WAIT_COUNT, FAULT = 0x1000, 0x1001, 0x1002  # bus addresses of the echo

ENGINES: dict[str, Callable[[], Engine]] = {
    "verilator": VerilatorEngine,
    "cocotb-verilator": lambda: CocotbEngine("verilator"),
    "cocotb-icarus": lambda: CocotbEngine("icarus"),
}


def echo(width: int = 64) -> Netlist:
    return Netlist(VERILOG.replace("`WIDTH", str(width)), width, registers=False)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    made = ENGINES[request.param]()
    with skipped_without():
        made.prepare(echo(), Options())
    return made


def echoed(frames: list[Frame]) -> list[tuple[Verdict, bytes | None, int | None]]:
    """What the echo makes of frames."""
    results = []
    for frame in frames:
        verdict = Verdict.of(frame.data[0] & 7)
        out = frame.data if verdict.sends else None
        if verdict is Verdict.TX:
            out = bytes([frame.data[0] ^ 0xFF]) + frame.data[1:]
        results.append((verdict, out, 100 + frame.data[1] if verdict is Verdict.REDIRECT else None))
    return results


def seen(results: list[FrameResult]) -> list[tuple[Verdict, bytes | None, int | None]]:
    assert [result.index for result in results] == list(range(len(results)))
    return [(result.verdict, result.out, result.redirect) for result in results]


def mixed(count: int, seed: int = 1) -> list[Frame]:
    """Frames of all lengths and verdicts."""
    frames = random_frames(seed, count)
    return [
        Frame(bytes([i % 8]) + data[1:], ifindex=1 + i % 3, rx_queue=i % 5, time_ns=i * 10**9 + i)
        for i, data in enumerate(frames)
    ]


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_every_frame_comes_back_as_the_echo_makes_it(width: int) -> None:
    frames = mixed(400)
    engine = VerilatorEngine()
    with skipped_without():
        assert seen(engine.results(echo(width), frames)) == echoed(frames)


CONDITIONS = {
    "back to back": Options(),
    "slow output": Options(take=0.3, seed=7),
    "slow input": Options(offer=0.4, seed=8),
    "both": Options(offer=0.6, take=0.5, seed=9),
    "paced": Options(rate=Rate.parse("40G")),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_all_engines_write_the_same_files_and_figures(engine: Engine, condition: str, tmp_path: Path) -> None:
    frames = mixed(150, seed=len(condition))
    outcomes = []
    for number, candidate in enumerate((VerilatorEngine(), engine)):
        options = replace(
            CONDITIONS[condition],
            frames_out=tmp_path / f"{number}.jsonl",
            capture_out=tmp_path / f"{number}.pcapng",
        )
        result = candidate.run(echo(), frames, options)
        assert seen(list(result.results())) == echoed(frames)
        figures = result.as_json() | {"engine": "", "wall_s": 0, "last": result.latency_last.summary()}
        outcomes.append(
            (figures, (tmp_path / f"{number}.jsonl").read_bytes(), (tmp_path / f"{number}.pcapng").read_bytes())
        )
    assert outcomes[0] == outcomes[1]


def test_the_output_capture_has_every_frame_with_its_arrival(engine: Engine, tmp_path: Path) -> None:
    frames = mixed(60)
    engine.run(echo(), frames, Options(capture_out=tmp_path / "out.pcapng"))
    expected = [
        replace(frame, data=frame.data if out is None else out)
        for frame, (_, out, _) in zip(frames, echoed(frames), strict=True)
    ]
    assert list(read_capture(tmp_path / "out.pcapng")) == expected


def test_a_capture_file_gives_what_its_frames_give(engine: Engine, tmp_path: Path) -> None:
    frames = mixed(60)
    with open(tmp_path / "in.pcapng", "wb") as file:
        write_frames(file, frames)
    result = engine.run(echo(), tmp_path / "in.pcapng", Options(frames_out=tmp_path / "out.jsonl"))
    assert seen(list(result.results())) == echoed(frames)


def passing(sizes: list[int]) -> list[Frame]:
    return [Frame(b"\x02" + bytes(size - 1)) for size in sizes]


def test_single_beat_frames_sustain_one_cycle_each_at_a_latency_of_one(engine: Engine) -> None:
    result = engine.run(echo(), passing([64] * 200))
    assert result.cycles_per_frame == 1.0
    assert (result.latency.min, result.latency.max) == (1, 1)
    # The first frame's result is registered two cycles after its beat: 199 more follow.
    assert result.cycles == 202


def test_sustained_cycles_count_beats(engine: Engine) -> None:
    result = engine.run(echo(), passing([65, 128, 14, 192] * 10 + [64]))
    assert result.cycles_per_frame == (2 + 2 + 1 + 3) / 4


def test_latency_runs_from_first_beat_in_to_first_and_last_beat_out(engine: Engine) -> None:
    result = engine.run(echo(), passing([300]))
    # Five beats in; the first leaves in the cycle after the last came.
    assert (result.latency.max, result.latency_last.max) == (5, 9)
    assert result.latency.summary()["ns"]["max"] == 40


def test_frames_arrive_at_the_rate_asked_for(engine: Engine) -> None:
    result = engine.run(echo(), passing([60] * 21), Options(rate=Rate.parse("1G")))
    assert result.cycles_per_frame == 84


def test_one_frame_and_none_have_no_sustained_rate(engine: Engine) -> None:
    assert engine.run(echo(), passing([60])).cycles_per_frame is None
    nothing = engine.run(echo(), [])
    assert (nothing.frames, nothing.cycles, nothing.latency.max) == (0, 0, None)


def test_the_control_bus_works_before_and_after_the_frames(engine: Engine) -> None:
    words: list[int] = []

    def setup(bus: Bus) -> None:
        for address in range(256):
            bus.write(address, address * 0x01010101)

    def teardown(bus: Bus) -> None:
        words.extend(bus.transfer([(address, None) for address in range(256)]))
        words.append(bus.read(FRAME_COUNT))

    engine.run(echo(), passing([60] * 7), setup=setup, teardown=teardown)
    assert words == [address * 0x01010101 for address in range(256)] + [7]


def test_a_slow_output_makes_the_input_wait_once_the_buffers_are_full(engine: Engine) -> None:
    waits: list[int] = []
    frames = passing([64] * 1200)
    engine.run(echo(), frames, Options(take=0.25), teardown=lambda bus: waits.append(bus.read(WAIT_COUNT)))
    assert waits[0] > 1000


def test_a_frame_that_does_not_fit_is_named_or_skipped(engine: Engine, tmp_path: Path) -> None:
    frames = [Frame(b"\x02" * size) for size in (60, 13, 60, 2049, 60)]
    with pytest.raises(InputError, match=r"packet 2: 13 bytes, but a frame has 14 to 2048.*--skip-bad"):
        engine.run(echo(), frames)
    result = engine.run(echo(), frames, Options(skip_bad=True, frames_out=tmp_path / "out.jsonl"))
    assert (result.frames, result.skipped) == (3, 2)
    assert [record.index for record in result.results()] == [0, 2, 4]


def test_a_broken_capture_is_named_as_the_user_did(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    with open(path, "wb") as file:
        write_frames(file, passing([60] * 3))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError) as raised:
        engine.run(echo(), path)
    assert str(raised.value).startswith(f"{path}: packet 3: the file ends inside it")
    with pytest.raises(InputError, match=r"none\.pcap: no such file"):
        engine.run(echo(), tmp_path / "none.pcap")


def test_an_output_that_cannot_be_written_is_named(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none/out\.jsonl: cannot write: No such file or directory"):
        engine.run(echo(), passing([60]), Options(frames_out=tmp_path / "none" / "out.jsonl"))


def test_a_failure_of_the_frame_source_is_the_callers(engine: Engine) -> None:
    def frames() -> object:
        yield from passing([60] * 3)
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        engine.run(echo(), frames())


FAULTS = {  # of the echo, and how they are told
    1: "packet 1 does not come out",
    2: "the input is not ready",
    3: "packet 1: its result (verdict 2, 61 bytes) and its bytes out (verdict 2, 60 bytes) differ",
    4: "packet 1: its result (verdict 2, 60 bytes) and its bytes out (verdict 3, 60 bytes) differ",
    5: "tx_keep has a hole",
    6: "the datapath gave a result for no frame",
    7: "the control bus did not answer at address 0",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_hardware_that_misbehaves_is_told_alike_by_all(engine: Engine, fault: int) -> None:
    with pytest.raises(SimulationError) as raised:
        engine.run(
            echo(),
            passing([60] * 3),
            Options(patience=300),
            setup=lambda bus: bus.write(FAULT, fault),
            teardown=lambda bus: print(bus.read(0)),
        )
    assert FAULTS[fault] in str(raised.value)


def test_verilog_that_does_not_compile_is_told_in_one_line(engine: Engine) -> None:
    with pytest.raises(SimulationError, match="failed on the netlist") as raised:
        engine.run(replace(echo(), verilog="module hardpath(input clk; nonsense"), passing([60]))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", [".fst", ".vcd"])
def test_waves_are_written_and_change_nothing(engine: Engine, suffix: str, tmp_path: Path) -> None:
    if suffix == ".vcd" and isinstance(engine, CocotbEngine) and engine.simulator == "icarus":
        pytest.skip("Icarus under cocotb writes FST only")
    waves = tmp_path / f"waves{suffix}"
    frames = mixed(20)
    results = engine.results(echo(), frames, Options(waves=waves))
    assert seen(results) == echoed(frames)
    content = waves.read_bytes()
    assert b"beat_write" in content if suffix == ".vcd" else len(content) > 500


def test_long_runs_of_generated_traffic_go_through_in_constant_memory() -> None:
    engine = VerilatorEngine()
    with skipped_without():
        result: RunResult = engine.run(echo(), traffic("imix", 20_000), Options())
    assert result.frames == 20_000


def test_without_any_compiler_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from hardpath.sim import toolchain

    toolchain.compiler.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    try:
        with pytest.raises(InputError, match=r"apt install g\+\+"):
            VerilatorEngine().run(echo(), passing([60]))
        assert CocotbEngine().simulator == "icarus"
        with pytest.raises(InputError, match=r"apt install (iverilog|libpython3)"):  # whichever is missed first
            CocotbEngine().run(echo(), passing([60]))
    finally:
        toolchain.compiler.cache_clear()


def test_the_cocotb_child_does_not_wait_for_amaranth() -> None:
    """It starts for each run; loading Amaranth and all map types takes as long as some thousand frames."""
    pytest.importorskip("cocotb")
    loaded = "import sys, hardpath.sim.cocotb_bench; print('amaranth' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
