"""The objects in the tree are what the sources give, and the captures reach all of them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from hardpath.codegen.spec import ProgramSpec
from hardpath.hdl.frame_sizes import MIN_FRAME
from hardpath.sim import interpreter
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.processor import Processor


@pytest.mark.skipif(shutil.which("clang-19") is None, reason="clang-19 is missing")
@pytest.mark.skipif(shutil.which("llvm-strip-19") is None, reason="llvm-strip-19 (llvm-19) is missing")
def test_objects_are_what_the_sources_give(example, tmp_path):
    copy = tmp_path / "examples"
    shutil.copytree(example.folder.parent, copy)
    (copy / example.name / f"{example.name}.o").unlink()
    target = f"{example.name}/{example.name}.o"
    done = subprocess.run(["make", "-C", copy, target], capture_output=True, text=True, check=False)
    if "bpf_helpers.h' file not found" in done.stderr:
        pytest.skip("bpf/bpf_helpers.h is missing: apt install libbpf-dev")
    assert done.returncode == 0, done.stderr
    assert (copy / target).read_bytes() == example.object.read_bytes()


def test_captures_are_what_their_recipes_give(example, tmp_path):
    copy = tmp_path / "examples"
    shutil.copytree(example.folder.parent, copy)
    (capture,) = example.folder.glob("capture.pcap*")
    made = [copy / example.name / name for name in (capture.name, "maps.json")]
    for path in made:
        path.unlink()
    subprocess.run([sys.executable, copy / "make_captures.py", example.name], check=True)
    for path in made:
        assert path.read_bytes() == (example.folder / path.name).read_bytes(), path.name


def test_captures_reach_every_instruction(example, monkeypatch):
    executed: set[int] = set()

    class Traced(Processor):
        def _execute(self) -> int:
            while True:
                executed.add(self.slot)
                instruction = self.program.instructions[self.slot]
                following = self._by_class[instruction.cls](instruction)
                if following < 0:
                    return self._get(0)
                self.slot = following

    monkeypatch.setattr(interpreter, "Processor", Traced)
    example.session.interpreter(example.frames)
    on_capture = set(executed)
    executed.clear()
    # Linux gives XDP no frame without an Ethernet header; what only such a frame reaches is out of reach.
    too_short = Interpreter(example.design.program, example.session.maps)
    for size in range(MIN_FRAME):
        too_short.run(bytes(size))
    reachable = {point.slot for point in example.design.verified.points}
    left = reachable - on_capture - executed
    program = example.design.program
    assert not [str(program.place(slot)) for slot in sorted(left) if not only_for_the_verifier(program, slot)]


def only_for_the_verifier(program: ProgramSpec, slot: int) -> bool:
    """Whether the source says that a check is always true, although verification does not see it (mostly that the frame
    is as long as it was made)."""
    line = program.line_of(slot)
    return line is not None and "/* only for the verifier */" in line.text
