"""The pages of the documentation, block by block, and what runs a block as a reader would.

What a block is for stands behind its fence; docs/testing.md tells readers the same:

- ``console``: commands behind ``$``, each with what it prints below;
- ``sh``: one script, which ends at the first command that fails;
- ``python``: a program;
- ``py``: a quotation from the sources;
- ``json``, ``yaml``, ``text``: no commands.

``needs ...`` behind ``sh`` names what `make demo` does not bring: see `Block.lacks`. With ``then`` a block goes on
where the one before it has stopped, whatever that left running.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    str(path.relative_to(ROOT))
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "examples" / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
]
LANGUAGES = {"console", "sh", "python", "py", "json", "yaml", "text"}
FENCE = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
TIMEOUT_S = 1200


@dataclass(frozen=True)
class Command:
    """A line after ``$ `` with what the page shows below it."""

    text: str
    shown: str

    @property
    def status(self) -> int:
        """The exit status that the page announces."""
        found = re.search(r"# exit status (\d)$", self.text)
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class Block:
    """A fenced block: ``line`` is that of the fence, ``words`` stand behind the language."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[Command]:
        """Of a ``console`` block."""
        return [Command(*found) for found in COMMAND.findall(self.text)]

    @property
    def goes_on(self) -> bool:
        return self.words[:1] == ("then",)

    @property
    def needs(self) -> tuple[str, ...]:
        return self.words[1:] if self.words[:1] == ("needs",) else ()

    def lacks(self) -> str | None:
        """What it needs and is not here: ``root`` (with TAP devices and namespaces), a command, or a file. Two needs
        are for the tests to meet: ``minutes``, and a fresh ``clone``."""
        for need in self.needs:
            if need == "root":
                if not may_make_networks():
                    return "needs root with namespaces and /dev/net/tun, and iproute2"
            elif need.startswith("/"):
                if not Path(need).exists():
                    return f"needs {need}"
            elif need not in ("minutes", "clone") and shutil.which(need, path=environment()["PATH"]) is None:
                return f"needs the command {need}"
        return None


def blocks_of(page: str) -> Iterator[Block]:
    """All blocks of a page."""
    text = (ROOT / page).read_text()
    for found in FENCE.finditer(text):
        language, *words = found[1].split() or [""]
        yield Block(page, text.count("\n", 0, found.start()) + 1, language, tuple(words), found[2])


@functools.cache
def may_make_networks() -> bool:
    """Whether TAP devices, and namespaces for them, can be made here; root in a container may not."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError:
        return False
    return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


APART = ["unshare", "--net", "--mount", "bash", "-e", "-c", 'mount -t tmpfs tmpfs /run; exec "$@"', "apart"]
"""What a command stands behind to have a network and a /run of its own."""

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def furnish(folder: Path) -> Path:
    """A folder that looks like the repository, so that outputs do not land in it, and has a ``prog.c`` of the user."""
    for name in ("examples", "tests", "bench"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "build").mkdir()
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    shutil.copy(ROOT / "examples" / "drop" / "drop.c", folder / "prog.c")
    return folder


def environment() -> dict[str, str]:
    """As after ``. .venv/bin/activate``."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One command line."""
    command = ["bash", "-c", text]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def run_script(text: str, folder: Path, *, apart: bool = False) -> tuple[int, str]:
    """Exit status and output of a script; what it leaves running is ended. ``apart``: as root of a network of its own,
    with a /run of its own, where names of interfaces and namespaces are free."""
    command = ["bash", "-eu", "-o", "pipefail", "-c", END + text]
    if apart:
        command = [*APART, *command]
    output = folder / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(TIMEOUT_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return status, output.read_text()


END = """trap 'status=$?; kill $(jobs -p) 2>/dev/null || :; wait || :; exit $status' EXIT
"""
