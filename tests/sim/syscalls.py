"""What bpf(2) answers, for comparison with what models and hardware say."""

from __future__ import annotations

from collections.abc import Callable


def errno_of(call: Callable[..., object], *arguments: object) -> int:
    """0 or the negative errno."""
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno is not None
        return -error.errno
    return 0
