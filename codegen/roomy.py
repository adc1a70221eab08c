"""Deep recursion without system calls.

CPython keeps frames in chunks of 16 KiB, and gives a chunk back as soon as its first frame returns. A function that is
called again and again right at the end of a chunk costs a new one each time: making a large graph took up to three
times as long, as it happened to be called. A frame that is large itself gets a chunk as large, rounded up to a power of
two, and what it calls has the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_WORDS = (1 << 17) + 64
"""Of 8 bytes: a little more than half a chunk of 2 MiB, so that nearly 1 MiB is left, some 5,000 frames."""


def roomy(function: Callable[P, T]) -> Callable[P, T]:
    """The function with room for the frames of what it calls."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    call.__code__ = call.__code__.replace(co_stacksize=_WORDS)
    return functools.update_wrapper(call, function)
