"""Tasks in processes of their own, a few at a time, each with a limit of time and memory.

A task that never ends, or that eats all memory, costs itself only: its process, with everything that it started, is
killed, and what it had told until then is kept. Time is CPU time, so that the same tasks end in time on a busy machine.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, Generic, TypeVar

Facts = dict[str, Any]
Tell = Callable[[Facts], None]

T = TypeVar("T")

TOO_LONG, TOO_LARGE, FAULT = "too long", "too large", "fault"
"""What `Ended.why` can be."""

_OPENING_S = 5.0  # of grace for a process that is just being started
_WAITING = 8
"""How many times as long as its CPU time a task may take on the clock: one that waits for ever uses none."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task ended: ``why`` is None if it returned, else `TOO_LONG`, `TOO_LARGE` or `FAULT` with ``detail``
    (a traceback, or the signal that killed the process)."""

    why: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """``seconds`` of CPU time and ``megabytes`` of memory that one task may have, and each process that it starts."""

    seconds: float
    megabytes: int

    @property
    def patience(self) -> float:
        """Seconds on the clock after which a task is given up."""
        return _WAITING * self.seconds + _OPENING_S


@dataclass
class _Running(Generic[T]):
    task: T
    process: ForkServerProcess
    pipe: Connection
    deadline: float
    facts: Facts = field(default_factory=dict)


def run_isolated(
    function: Callable[[T, Tell], None], tasks: Iterable[T], jobs: int, limits: Limits
) -> Iterator[tuple[T, Facts, Ended]]:
    """``function(task, tell)`` for each task; (task, all that it told, how it ended) in the order in which they end.

    What a task tells is merged; later facts replace earlier ones. ``function`` and tasks must be picklable.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__])
    waiting = iter(tasks)
    running: dict[Connection, _Running[T]] = {}
    try:
        while True:
            for task in itertools.islice(waiting, jobs - len(running)):
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(function, task, theirs, limits), daemon=True)
                process.start()
                theirs.close()
                running[mine] = _Running(task, process, mine, time.monotonic() + limits.patience)
            if not running:
                return
            yield from _collect(running)
    finally:
        for each in running.values():
            _kill(each)


def _collect(running: dict[Connection, _Running[T]]) -> Iterator[tuple[T, Facts, Ended]]:
    """Wait until something is told or a time is over; the tasks that ended by that."""
    patience = min(each.deadline for each in running.values()) - time.monotonic()
    for ready in wait(list(running), timeout=max(0.0, patience)):
        assert isinstance(ready, Connection)
        if (ended := _listen(running[ready])) is not None:
            yield _finish(running, ready, ended)
    for pipe, each in list(running.items()):
        if time.monotonic() > each.deadline:
            yield _finish(running, pipe, Ended(TOO_LONG))


def _listen(each: _Running[T]) -> Ended | None:
    """Take one message; the end if it was the last."""
    try:
        message = each.pipe.recv()
    except EOFError:  # it died without a word
        each.process.join()
        code = each.process.exitcode or 0
        if code == -signal.SIGXCPU:
            return Ended(TOO_LONG)
        detail = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return Ended(TOO_LARGE if code == -signal.SIGKILL else FAULT, f"its process ended with {detail}")
    if isinstance(message, Ended):
        return message
    each.facts |= message
    return None


def _finish(running: dict[Connection, _Running[T]], pipe: Connection, ended: Ended) -> tuple[T, Facts, Ended]:
    each = running.pop(pipe)
    _kill(each)
    return each.task, each.facts, ended


def _kill(each: _Running[Any]) -> None:
    """End a process and all that it started."""
    if each.process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(each.process.pid, signal.SIGKILL)
        each.process.kill()
    each.process.join()
    each.pipe.close()


def _child(function: Callable[[T, Tell], None], task: T, pipe: Connection, limits: Limits) -> None:
    os.setsid()  # so that what it starts ends with it
    signal.alarm(math.ceil(limits.patience + _OPENING_S))  # in case that nobody is left to end it
    seconds = math.ceil(time.process_time() + limits.seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + math.ceil(_OPENING_S)))
    size = limits.megabytes << 20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    try:
        function(task, pipe.send)
        ended = Ended()
    except MemoryError:
        ended = Ended(TOO_LARGE)
    except Exception:  # whatever it is belongs into the report
        ended = Ended(FAULT, traceback.format_exc())
    with contextlib.suppress(BrokenPipeError):
        pipe.send(ended)
