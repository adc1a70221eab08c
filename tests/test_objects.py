"""The objects that tests have in the tree are what their sources give."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
FOLDERS = sorted(path.parent for path in ROOT.rglob("Makefile"))
OTHER_COMPILERS = {"calls.clang14.o", "calls.gcc.o", "aya.o"}
MISSING = [tool for tool in ("make", "clang-19", "llvm-strip-19", "llvm-objcopy-19") if shutil.which(tool) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_objects_are_what_the_sources_give(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    objects = {path.name for path in folder.glob("*.o")} - OTHER_COMPILERS
    done = subprocess.run(["make", "-B", "-C", copy, *sorted(objects)], capture_output=True, text=True, check=False)
    if "bpf_helpers.h' file not found" in done.stderr:
        pytest.skip("bpf/bpf_helpers.h is missing: apt install libbpf-dev")
    assert done.returncode == 0, done.stderr
    assert objects and [name for name in objects if (copy / name).read_bytes() != (folder / name).read_bytes()] == []
