"""A limit on the time that something may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class TooSlow(BaseException):
    """Something took longer than it may. Not an Exception: nobody is to take it for a failure and go on."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raises `TooSlow` in what takes more seconds of CPU time, so that a busy machine changes nothing."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
