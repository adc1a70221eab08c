"""The public BPF conformance suite, which lies beside this repository where the project is developed."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance"
ABSENT = "the conformance suite (shared/conformance) is not beside this repository"


@dataclass(frozen=True)
class Case:
    """A positive case: encoded program, initial memory, r0 at exit."""

    name: str
    code: bytes
    memory: bytes
    result: int


def _cases():
    path = SUITE / "decoded.jsonl"
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    for line in lines:
        memory = bytes.fromhex(line["mem"])
        yield Case(line["name"], bytes.fromhex(line["code"]), memory, int(line["result"], 0))


def _negative():
    """(name, code) of the suite's wrong encodings; its other negative cases are about the suite's own assembler."""
    for path in sorted((SUITE / "negative").glob("unused-*.data")):
        _, _, body = path.read_text().partition("-- raw\n")
        yield path.stem, bytes.fromhex(body.partition("--")[0])


CALLX = "callx"  # the one case of a group that is not supported
CASES = [case for case in _cases() if case.name != CALLX]
REFUSED = [case for case in _cases() if case.name == CALLX]
NEGATIVE = list(_negative())


def _one_each(items, names):
    """The cases as parameters, or one that is skipped with the reason."""
    if not items:
        return [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))]
    return [pytest.param(item, id=name) for item, name in zip(items, names, strict=True)]


def pytest_generate_tests(metafunc):
    for fixture, items in (("case", CASES), ("refused_case", REFUSED)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, _one_each(items, [item.name for item in items]))
    if "wrong" in metafunc.fixturenames:
        metafunc.parametrize("wrong", _one_each(NEGATIVE, [name for name, _ in NEGATIVE]))


@pytest.fixture(scope="session")
def all_cases():
    if not CASES:
        pytest.skip(ABSENT)
    return CASES
