"""What pages quote from the sources is there, word by word; and the files that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import BLOCKS

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / name for name in dict.fromkeys(block.page for block in BLOCKS if block.language == "py")]
QUOTES = [
    (page, path, text)
    for page in PAGES
    for path, text in re.findall(r"^`([\w/.-]+)`:\n\n```py\n(.*?)^```", page.read_text(), re.M | re.S)
]


@pytest.mark.parametrize("page, path, text", QUOTES, ids=[path for _, path, _ in QUOTES])
def test_a_quotation_is_in_the_source(page, path, text):
    assert text in (ROOT / path).read_text(), f"{page.name} quotes {path}"


def test_every_file_named_exists():
    for page in PAGES:
        for path in re.findall(r"`((?:hdl|tests|bench|sim|codegen)/[\w/.*-]+\.py)`", page.read_text()):
            assert list(ROOT.glob(path)), f"{page.name} names {path}"


def test_there_are_quotations():
    assert len(QUOTES) == sum(page.read_text().count("```py\n") for page in PAGES) > 2
