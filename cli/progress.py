"""What is going on, on a terminal's stderr, once something takes longer than two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

PATIENCE_S = 2.0

T = TypeVar("T")


class Steps:
    """A context manager; call it with the name of each step as the step begins."""

    def __init__(self) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)
        self._timer = threading.Timer(PATIENCE_S, self._bar.start)
        self._timer.daemon = True

    def __enter__(self) -> Steps:
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._timer.cancel()
        if self._bar.live.is_started:  # stopping what never showed prints an empty line
            self._bar.stop()

    def __call__(self, step: str) -> None:
        self._bar.reset(self._task, description=step, total=None)

    def done(self) -> None:
        """The last step has ended; something else begins to happen."""
        self.__exit__()

    def until(self, total: int) -> Callable[[int], None]:
        """A function that is told how much of ``total`` is done."""
        self._bar.update(self._task, total=total)
        return lambda done: self._bar.update(self._task, completed=done)

    def over(self, items: Iterable[T], total: int) -> Iterator[T]:
        """The items, counted as they are taken."""
        self._bar.update(self._task, total=total)
        for item in items:
            self._bar.advance(self._task)
            yield item
