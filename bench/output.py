"""What benchmarks have in common: lines of tables in Markdown, figures as JSON, and errors in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from hardpath.hdl.errors import HardpathError


def line(cells: Iterable[object]) -> str:
    """A row of a table; whole numbers get commas."""
    return f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |"


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """All lines of a table."""
    names = list(head)
    return [line(cells) for cells in (names, ["---"] * len(names), *rows)]


def keep(path: Path | None, figures: object) -> None:
    """Write figures, if there is a file for them."""
    if path:
        path.write_text(json.dumps(figures, indent=1) + "\n")


def command(main: Callable[[], None]) -> None:
    """A benchmark as a command."""
    try:
        main()
    except HardpathError as error:
        raise SystemExit(str(error)) from None
