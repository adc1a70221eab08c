"""Tests of cocotb inside Icarus, on benches in Verilog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def build(folder: Path, verilog: str, top: str, precision: str) -> None:
    """Compile a bench, whose times are in ps, into a folder. ``precision``: of times, such as 1fs."""
    from cocotb_tools.runner import get_runner

    source = folder / f"{top}.v"
    source.write_text(f"`timescale 1ps/{precision}\n{verilog}")
    get_runner("icarus").build(
        sources=[source],
        hdl_toplevel=top,
        build_dir=folder,
        timescale=("1ps", precision),
        log_file=folder / "build.log",
    )


def run(folder: Path, top: str, module: str, tests: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run tests (functions of a cocotb module) on what `build` made. Fails where they do, and if one of them is not
    there."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    results = get_runner("icarus").test(
        test_module=module,
        hdl_toplevel=top,
        hdl_toplevel_lang="verilog",
        build_dir=folder,
        test_dir=folder,
        test_filter="|".join(f"\\b{name}$" for name in tests),
        results_xml=str(folder / "results.xml"),
        extra_env=dict(environment),
        log_file=folder / "run.log",
    )
    assert get_results(results) == (len(tests), 0)
