"""Tests of engines where one lacks a compiler, a simulator or a library of the system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hardpath.hdl.errors import InputError


@contextmanager
def skipped_without() -> Iterator[None]:
    """Skips the test if what runs inside says which package of the system to install; other complaints are faults, and
    so is the lack of what hardpath brings with it."""
    try:
        yield
    except InputError as missing:
        if "apt install" not in str(missing):
            raise
        pytest.skip(str(missing))
