"""From a design on a board to its bitstream: synthesis, placements with several seeds, the best of them packed.

Each step's results are kept by the digest of all that goes into it (netlist, constraints, options, tools' versions).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..codegen.build_cache import BuildCache, default_cache
from ..codegen.flow import Design
from ..hdl.area import Area, Device
from ..hdl.errors import HardpathError
from . import cells, floorplan, timing
from .board import Board
from .netlist import NAME, Files, files_of
from .toolchain import Tool, Toolchain, ToolFailed, run

FORMAT = "1"
"""Of what is kept; another one starts anew."""

Step = Callable[[str], None]
Count = Callable[[int], Callable[[int], None]]


@dataclass(frozen=True)
class Synthesis:
    """A netlist of the FPGA's cells and where it lies; areas by part and by line of the program."""

    folder: Path
    parts: Mapping[str, Area]
    lines: Mapping[int, Area]

    @property
    def area(self) -> Area:
        """Of all."""
        return sum(self.parts.values(), Area())


@dataclass(frozen=True)
class Placement:
    """One placed and routed design. ``used``: cells by nextpnr's names, and how many the FPGA has."""

    seed: int
    folder: Path
    clocks: tuple[timing.Clock, ...]
    used: Mapping[str, tuple[int, int]]

    @property
    def meets(self) -> bool:
        """Whether all clocks are fast enough."""
        return all(clock.meets for clock in self.clocks)

    @property
    def slack(self) -> float:
        """Of the clock that has least."""
        return self.slacks[0]

    @property
    def slacks(self) -> list[float]:
        """Of all clocks, the least first."""
        return sorted(clock.slack for clock in self.clocks)


@dataclass(frozen=True)
class Built:
    """All that came of it. ``placements``: those that succeeded, the best first, none if the design does not fit;
    ``failures``: what nextpnr said of the others, by seed. ``bitstream``: a file, ``svf`` too."""

    board: Board
    device: Device
    toolchain: Toolchain
    files: Files
    synthesis: Synthesis
    placements: tuple[Placement, ...] = ()
    failures: Mapping[int, str] = field(default_factory=dict)
    bitstream: Path | None = None
    svf: Path | None = None

    @property
    def best(self) -> Placement | None:
        """The placement that became the bitstream."""
        return self.placements[0] if self.placements else None

    @property
    def fits(self) -> bool:
        """Whether the FPGA has as much as synthesis wants."""
        return self.device.share(self.synthesis.area)[0] <= 1


def build(
    board: Board,
    designs: Sequence[Design],
    toolchain: Toolchain,
    *,
    latencies: bool = False,
    seeds: Iterable[int] = (1,),
    jobs: int = 1,
    cache: Path | None = None,
    step: Step = lambda name: None,
    count: Count = lambda total: lambda done: None,
) -> Built:
    """Synthesize, place, route and pack. What does not fit is not placed. With ``latencies`` the device measures them
    from wire to wire. ``step(name)`` is called as each step begins, ``count(total)`` when placements begin; what it
    returns with each that is done.

    Raises `HardpathError` if a tool fails at what it should be able to do.
    """
    # A folder of its own: simulations are many, and would push out what took an hour.
    kept = BuildCache((cache or default_cache()) / "boards")
    step("netlist")
    files = files_of(board, designs, latencies)
    step("synthesis")
    synthesis = _synthesize(kept, toolchain.yosys, files)
    built = Built(board, board.fpga, toolchain, files, synthesis)
    if not built.fits:
        return built
    seeds = tuple(seeds)
    step("placement and routing")
    placements, failures = _place_all(kept, toolchain.nextpnr, files, synthesis, seeds, jobs, count)
    built = replace(built, placements=placements, failures=failures)
    if built.best is None:
        return built
    step("bitstream")
    packed = _pack(kept, toolchain.ecppack, files, built.best)
    svf = packed / f"{NAME}.svf"
    return replace(built, bitstream=packed / f"{NAME}.bit", svf=svf if board.svf else None)


def _synthesize(kept: BuildCache, yosys: Tool, files: Files) -> Synthesis:
    script = "\n".join([
        "read_verilog memories.v",
        f"read_rtlil {NAME}.il",
        f"synth_ecp5 -top {NAME}",
        f"write_json {NAME}.json",
    ])  # fmt: skip

    def make(folder: Path) -> None:
        (folder / "memories.v").write_text(files.memories)
        (folder / f"{NAME}.il").write_text(files.rtlil)
        (folder / f"{NAME}.ys").write_text(script + "\n")
        _run(yosys, ["-q", "-l", "yosys.log", f"{NAME}.ys"], folder)

    inputs: list[str | bytes] = [FORMAT, script, files.memories, files.rtlil, yosys.version]
    folder = kept.get("synthesis", inputs, make)
    netlist = _module(folder / f"{NAME}.json")
    return Synthesis(folder, cells.by_part(netlist), cells.by_line(netlist))


def _place_all(
    kept: BuildCache,
    nextpnr: Tool,
    files: Files,
    synthesis: Synthesis,
    seeds: Sequence[int],
    jobs: int,
    count: Count,
) -> tuple[tuple[Placement, ...], dict[int, str]]:
    """Placements, the best first, and why others failed."""
    netlist = synthesis.folder / f"{NAME}.json"
    placements, failures = [], {}
    done = count(len(seeds))
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(_place, kept, nextpnr, files, netlist, seed): seed for seed in seeds}
        for number, future in enumerate(as_completed(running), start=1):
            seed = running[future]
            try:
                placements.append(future.result())
            except ToolFailed as failure:
                failures[seed] = "; ".join(failure.complaints) or "nextpnr says nothing"
            done(number)
    return tuple(sorted(placements, key=lambda one: ([-slack for slack in one.slacks], one.seed))), failures


def _place(kept: BuildCache, nextpnr: Tool, files: Files, netlist: Path, seed: int) -> Placement:
    options = [*files.device, "--seed", str(seed), "--timing-allow-fail"]

    def make(folder: Path) -> None:
        (folder / f"{NAME}.lpf").write_text(files.constraints)
        written = ["--textcfg", f"{NAME}.config", "--report", "report.json", "--write", "placed.json"]
        given = ["--json", _seen(netlist, folder), "--lpf", f"{NAME}.lpf"]
        run(nextpnr, [*given, "--log", "nextpnr.log", "-q", *options, *written], folder)
        report, module = json.loads((folder / "report.json").read_text()), _module(netlist)
        clocks = timing.clocks_of(report, module, files.clocks)
        distilled = {
            "clocks": [timing.to_json(clock) for clock in clocks],
            "used": {name: [of["used"], of["available"]] for name, of in report["utilization"].items()},
        }
        (folder / "timing.json").write_text(json.dumps(distilled))
        tiles = floorplan.tiles_of(_module(folder / "placed.json"))
        (folder / "floorplan.svg").write_text(floorplan.svg(tiles, " ".join(files.device).replace("--", "")))
        for large in ("report.json", "placed.json"):
            (folder / large).unlink()

    inputs: list[str | bytes] = [FORMAT, netlist.read_bytes(), files.constraints, repr(files.clocks)]
    inputs += [*options, nextpnr.version]
    folder = kept.get("placement", inputs, make)
    facts = json.loads((folder / "timing.json").read_text())
    clocks = tuple(timing.from_json(clock) for clock in facts["clocks"])
    used = {name: (taken, there) for name, (taken, there) in facts["used"].items()}
    return Placement(seed, folder, clocks, used)


def _pack(kept: BuildCache, ecppack: Tool, files: Files, placement: Placement) -> Path:
    config = placement.folder / f"{NAME}.config"

    def make(folder: Path) -> None:
        written = ["--bit", f"{NAME}.bit", "--svf", f"{NAME}.svf"]
        _run(ecppack, [*files.pack, "--input", _seen(config, folder), *written], folder)

    inputs: list[str | bytes] = [FORMAT, config.read_bytes(), *files.pack, ecppack.version]
    return kept.get("bitstream", inputs, make)


def _run(tool: Tool, arguments: Sequence[str], folder: Path) -> None:
    try:
        run(tool, arguments, folder)
    except ToolFailed as failure:
        last = failure.log.strip().rpartition("\n")[2]
        said = "; ".join(failure.complaints) or last or "it says nothing"
        raise HardpathError(f"{tool} failed: {said}") from None


def _seen(path: Path, folder: Path) -> str:
    """A file as tools that run in a folder reach it: to YoWASP's, /tmp is an empty folder of their own."""
    return os.path.relpath(path, folder)


def _module(path: Path) -> dict[str, Any]:
    module: dict[str, Any] = json.loads(path.read_text())["modules"][NAME]
    return module
