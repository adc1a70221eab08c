"""What the README and the user guide tell people to type works, and prints what they show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hardpath.cli import capabilities
from hardpath.sim import linux
from hardpath.sim.toolchain import has_compiler
from hardpath.sim.traffic import mixes

ROOT = Path(__file__).parent.parent.parent
PAGES = ("README.md", "docs/tutorial.md", "docs/user-guide.md", "docs/nic-shells.md")
BAR = re.compile(r"^[\d,-]+ +[\d,]+ *[█▉▊▋▌▍▎▏]*$")  # a line of a histogram


@dataclass(frozen=True)
class Command:
    """A line after ``$ `` with what the page shows below it."""

    page: str
    line: int
    text: str
    shown: str

    @property
    def status(self) -> int:
        found = re.search(r"# exit status (\d)$", self.text)
        return int(found[1]) if found else 0

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def commands(page):
    """The commands of a page's ``console`` blocks."""
    text = (ROOT / page).read_text()
    for block in re.finditer(r"^```console\n(.*?)^```", text, re.M | re.S):
        start = text.count("\n", 0, block.start()) + 1
        for each in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block[1], re.M):
            yield Command(page, start + 1 + block[1].count("\n", 0, each.start()), each[1], each[2])


ALL = [command for page in PAGES for command in commands(page)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder that looks like the repository, so that outputs do not land in it."""
    folder = tmp_path_factory.mktemp("workplace")
    for name in ("examples", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "build").mkdir()
    return folder


def run(text, folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    command = ["bash", "-c", text]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")
@pytest.mark.parametrize("command", [c for c in ALL if c.text.startswith("hardpath")], ids=str)
def test_a_command_does_what_the_page_shows(command, workplace):
    if linux.available() is not None and re.search(" (diff|survey) ", command.text):
        pytest.skip(linux.available())
    done = run(command.text, workplace)
    assert done.returncode == command.status, done.stderr
    printed = {masked(line) for line in (done.stdout + done.stderr).splitlines()}
    missing = {masked(line) for line in command.shown.splitlines() if line != "..."} - printed
    assert not missing, "run: python tests/docs/update_pages.py"


PYTHON = [
    (page, text)
    for page in PAGES
    for text in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
]


@pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")
@pytest.mark.parametrize("page, text", PYTHON, ids=[page for page, _ in PYTHON])
def test_python_on_a_page_runs(page, text, workplace):
    done = subprocess.run([sys.executable, "-c", text], cwd=workplace, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def masked(line):
    """Without its numbers: these depend on the solver's version, and some on the machine's speed."""
    if BAR.match(line):
        return ""
    without_bars = re.sub(r"[▁-▏ ]+", " ", line)
    return re.sub(r"[0-9a-f]{64}|\d[\d,.]*", "#", without_bars).strip()


COMPILING = re.findall(r"^clang-19 .*examples/.*$", (ROOT / "docs" / "tutorial.md").read_text(), re.M)


@pytest.mark.skipif(shutil.which("clang-19") is None, reason="clang-19 is missing")
@pytest.mark.skipif(not Path("/usr/include/bpf/bpf_helpers.h").exists(), reason="libbpf-dev is missing")
@pytest.mark.parametrize("command", COMPILING)
def test_a_command_that_compiles_does(command, workplace):
    done = run(command, workplace)
    assert done.returncode == 0, done.stderr
    assert (workplace / command.split()[-1]).exists()


def test_commands_of_make_exist():
    text = "".join((ROOT / page).read_text() for page in PAGES)
    targets = set(re.findall(r"^make ([a-z-]+)", text, re.M))
    assert {"demo", "test"} <= targets
    for target in targets:
        assert (
            subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode == 0
        )


def test_pages_link_to_what_is_there():
    for page in [ROOT / "README.md", ROOT / "examples" / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_page_of_the_examples_has_them_all():
    text = (ROOT / "examples" / "README.md").read_text()
    for path in (ROOT / "examples").glob("*/*.c"):
        assert f"({path.parent.name}/{path.name})" in text, path.name


def test_the_capability_table_is_what_the_plug_ins_declare():
    text = (ROOT / "docs" / "capabilities.md").read_text()
    assert text == capabilities.markdown(), "run: python -m hardpath.cli.capabilities > docs/capabilities.md"


def test_the_guide_lists_every_traffic_mix():
    text = (ROOT / "docs" / "user-guide.md").read_text()
    for name, summary in mixes():
        assert f"- `{name}`: {summary}" in text
