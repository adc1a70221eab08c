"""What the pages tell people to type works, and prints what they show: every block of commands is run."""

from __future__ import annotations

import re
import subprocess

import pytest
from hardpath.sim import linux
from hardpath.sim.toolchain import has_compiler
from pages import BLOCKS, LANGUAGES, ROOT, Block, furnish, run, run_script

BAR = re.compile(r"^[\d,-]+ +[\d,]+ *[█▉▊▋▌▍▎▏]*$")  # a line of a histogram


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("workplace"))


def test_every_block_says_what_it_is():
    for block in BLOCKS:
        assert block.language in LANGUAGES, f"{block}: ```{block.language}"
        assert not block.words or block.goes_on or block.needs, f"{block}: {block.words}"
        if block.language == "text":
            assert not re.search(r"^(\$ |hardpath |make |python )", block.text, re.M), f"{block}: commands are not text"


def scripts():
    """Blocks of ``sh`` and ``python``, those that go on behind the one before: (first block, script)."""
    found: list[tuple[Block, str]] = []
    for block in BLOCKS:
        if block.language not in ("sh", "python"):
            assert not block.goes_on, block
            continue
        text = f"python - <<'END OF BLOCK'\n{block.text}END OF BLOCK\n" if block.language == "python" else block.text
        if block.goes_on:
            first, before = found.pop()
            assert first.page == block.page
            found.append((first, before + text))
        else:
            found.append((block, text))
    return found


SLOW = ("minutes", "clone")
compiler = pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")


@compiler
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "console"], ids=str)
def test_commands_do_what_the_page_shows(block, workplace):
    assert block.text == "".join(f"$ {each.text}\n{each.shown}" for each in block.commands)
    alone = linux.available()
    for command in block.commands:
        done = run(command.text, workplace)
        assert done.returncode == command.status, done.stderr
        if alone is None or not re.search(" (diff|survey) ", command.text):
            printed = {masked(line) for line in (done.stdout + done.stderr).splitlines()}
            missing = {masked(line) for line in command.shown.splitlines() if line != "..."} - printed
            assert not missing, "run: python tests/docs/update_pages.py"


@compiler
@pytest.mark.parametrize(
    "block, text",
    [
        pytest.param(block, text, id=str(block), marks=[pytest.mark.slow] * bool({*SLOW} & {*block.needs}))
        for block, text in scripts()
    ],
)
def test_a_script_does_not_fail(block, text, workplace, tmp_path):
    if (missing := block.lacks()) is not None:
        pytest.skip(missing)
    folder = workplace
    if "clone" in block.needs:
        folder = tmp_path / "hardpath"
        subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
        # CI is that command, and this test a part of it.
        text = re.sub(r"^make test .*$", "grep -q '^exec make test$' .ci/run", text, flags=re.M)
    status, output = run_script(text, folder, apart="root" in block.needs)
    assert status == 0, output
    assert output or block.language == "sh"


def masked(line):
    """Without its numbers: these depend on the solver's version, and some on the machine's speed."""
    if BAR.match(line):
        return ""
    without_bars = re.sub(r"[▁-▏ ]+", " ", line)
    return re.sub(r"[0-9a-f]{64}|\d[\d,.]*", "#", without_bars).strip()
