"""The house stands as docs/architecture.md says: floors import downwards only, packages are all listed."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ["hdl", "codegen", "sim", "nic_model", "boards", "cli"]
"""From the ground up."""
MAY_IMPORT = {
    "hdl": {"hdl"},
    "codegen": {"codegen", "hdl"},
    "sim": {"sim", "codegen", "hdl"},
    "nic_model": {"nic_model", "sim", "codegen", "hdl"},
    "boards": {"boards", "codegen", "hdl"},
    "cli": set(FLOORS),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def imported_floors(path: Path) -> set[str]:
    """Floors that a file of the package imports, by relative or absolute names."""
    found = set()
    package = ["hardpath", *path.parent.parts]
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")]
            names = [".".join(filter(None, [*module, alias.name])) for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "hardpath" and len(parts) > 1 and parts[1] in FLOORS:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_what_is_below_it(floor):
    wrong = {
        str(path): beyond
        for path in tracked()
        if path.parts[0] == floor and (beyond := imported_floors(path) - MAY_IMPORT[floor])
    }
    assert not wrong


def test_the_import_finder_sees_relative_imports():
    # Guards the test above: a finder that finds nothing would pass it.
    assert "hdl" in imported_floors(Path("codegen/graph/builder.py"))
    assert imported_floors(Path("hdl/maps/base.py")) <= {"hdl"}


def test_packages_in_pyproject_are_those_in_the_tree():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(["hardpath", *path.parent.parts])
        for path in tracked()
        if path.name == "__init__.py" and path.parts[0] not in ("tests", "examples", "bench", "docs")
    }
    assert set(listed) == found
    assert len(listed) == len(set(listed))


def test_tests_are_no_package():
    assert not [path for path in tracked() if path.parts[0] == "tests" and path.name == "__init__.py"]


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    inside = False
    for line in text.splitlines():
        if line.startswith("[project.optional-dependencies]") or line.startswith("dependencies = ["):
            inside = True
        elif line.startswith("[project.scripts]"):
            inside = False
        if inside and line.strip().startswith('"'):
            assert "#" in line and len(line.split("#", 1)[1].strip()) > 10, line


def test_examples_say_how_they_may_be_used():
    for path in (ROOT / "examples").rglob("*.[ch]"):
        assert path.read_text().startswith("/* SPDX-License-Identifier: BSD-2-Clause */\n"), path
