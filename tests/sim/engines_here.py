"""Tests of engines where one lacks a compiler, a simulator or a library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hardpath.hdl.errors import InputError


@contextmanager
def skipped_without() -> Iterator[None]:
    """Skips the test if what runs inside says what to install; other complaints are faults."""
    try:
        yield
    except InputError as missing:
        if " install " not in str(missing):
            raise
        pytest.skip(str(missing))
