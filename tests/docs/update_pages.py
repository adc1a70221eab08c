"""Write anew what the pages show below each command: ``python tests/docs/update_pages.py [PATTERN]``, with a pattern
only below commands that match it. Look at the difference!"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from pages import COMMAND, FENCE, PAGES, ROOT, furnish, run


def main() -> None:
    """Run every command meant and replace its output; an output that ends in ``...`` stays cut there."""
    with tempfile.TemporaryDirectory() as name:
        folder = furnish(Path(name))

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
            return match[0] if match[1] != "console" else f"```console\n{COMMAND.sub(output, match[2])}```"

        for page in PAGES:
            path = ROOT / page
            before = path.read_text()
            if (after := FENCE.sub(block, before)) != before:
                path.write_text(after)


if __name__ == "__main__":
    main()
