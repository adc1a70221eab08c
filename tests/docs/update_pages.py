"""Write anew what the pages show below each command: ``python tests/docs/update_pages.py [PATTERN]``, with a pattern
only below commands that match it. Look at the difference!"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from test_commands import PAGES, ROOT, run


def main() -> None:
    """Run every command meant and replace its output; an output that ends in ``...`` stays cut there."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("examples", "tests"):
            (Path(folder) / name).symlink_to(ROOT / name)
        (Path(folder) / "build").mkdir()

        def output(match: re.Match[str]) -> str:
            if not re.search(sys.argv[1] if len(sys.argv) > 1 else "", match[1]):
                return match[0]
            done = run(match[1], folder)
            lines = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
            if match[2].endswith("...\n"):
                lines = [*lines[: match[2].count("\n") - 1], "..."]
            print(f"$ {match[1]}", *lines, sep="\n")
            return "\n".join([f"$ {match[1]}", *lines]) + "\n"

        def block(match: re.Match[str]) -> str:
            return (
                "```console\n" + re.sub(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", output, match[1], flags=re.M) + "```"
            )

        for page in PAGES:
            path = ROOT / page
            path.write_text(re.sub(r"^```console\n(.*?)^```", block, path.read_text(), flags=re.M | re.S))


if __name__ == "__main__":
    main()
