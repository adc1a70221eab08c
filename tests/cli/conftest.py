"""Runs the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hardpath.cli.main import main

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Hardpath = Callable[..., Answer]


@pytest.fixture
def hardpath(capsys: pytest.CaptureFixture[str]) -> Hardpath:
    """``hardpath("sim", path, ...)``: arguments of any type, as text."""

    def run(*arguments: object) -> Answer:
        status = main([str(argument) for argument in arguments])
        return Answer(status, *capsys.readouterr())

    return run


@pytest.fixture
def example() -> Callable[[str], Path]:
    """Folder of an example."""
    return lambda name: ROOT / "examples" / name


@pytest.fixture
def data() -> Path:
    """Objects that are there for these tests."""
    return Path(__file__).parent / "data"
