"""Both engines on a compiled program with maps: the same files, figures and map contents, under any conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from engines_here import skipped_without
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program
from hardpath.hdl.target import Target
from hardpath.sim.engine import Options
from hardpath.sim.mapfile import load_maps
from hardpath.sim.session import Session, engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "firewall"


@pytest.mark.parametrize("width", [16, 64])
def test_both_engines_agree_on_the_firewall(width: int, tmp_path: Path) -> None:
    spec = load(EXAMPLE / "firewall.o")
    design = compile_program(spec, select(spec), Target(width=width))
    session = Session(design, load_maps(EXAMPLE / "maps.json", spec.maps))
    for options in (Options(), Options(offer=0.7, take=0.4, seed=width)):
        outcomes = []
        for name in ("verilator", "cocotb"):
            files = {"frames_out": tmp_path / f"{name}.jsonl", "capture_out": tmp_path / f"{name}.pcapng"}
            with skipped_without():
                result, maps = session.run(engine(name), EXAMPLE / "capture.pcap", replace(options, **files))
            figures = result.as_json() | {"engine": "", "wall_s": 0, "last": result.latency_last.summary()}
            outcomes.append((figures, maps, *(path.read_bytes() for path in files.values())))
        assert outcomes[0] == outcomes[1]
        assert outcomes[0][0]["frames"] > 100 and outcomes[0][1]["flows"]
