"""What bpf(2) answers, for comparison with what models and hardware say."""

from __future__ import annotations

from collections.abc import Callable

from hardpath.hdl.errors import InputError


def errno_of(call: Callable[..., object], *arguments: object) -> int:
    """0 or the negative errno, of calls of `LinuxOracle` too."""
    try:
        call(*arguments)
    except (OSError, InputError) as error:
        answer = error.__cause__ if isinstance(error, InputError) else error
        assert isinstance(answer, OSError) and answer.errno is not None
        return -answer.errno
    return 0
