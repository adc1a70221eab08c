"""The page of the benchmarks is whole, and a regression shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import anchors

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "benchmarks.md").read_text()


def rows():
    """Rows of all tables, without their heads."""
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.M):
        head, _, *lines = table.splitlines()
        for line in lines:
            yield head, [cell.strip() for cell in line.strip("|").split("|")]


def test_no_cell_is_empty_and_all_programs_are_in_all_tables():
    found = list(rows())
    for head, cells in found:
        assert len(cells) == head.count("|") - 1
        assert all(cells), cells
    assert [cells[0] for _, cells in found] == 3 * list(anchors.PROGRAMS)


def test_command_commit_and_machine_are_named():
    commit = re.search(r"By `python bench/anchors\.py` at commit ([0-9a-f]{7,})\b.* on \d{4}-\d\d-\d\d", PAGE)
    assert commit and re.search(r"machine:\n.+, \d+ CPUs, Linux \d", PAGE)
    last = anchors.history()[-1]
    assert last["commit"].startswith(commit[1]) or commit[1] in last["commit"]


def test_what_has_become_worse_is_told():
    before = [{"name": "drop", **dict.fromkeys(anchors.LOWER, 5)}, {"name": "nat", **dict.fromkeys(anchors.LOWER, 7)}]
    assert anchors.changes(before, before) == ([], False)
    now = json.loads(json.dumps(before))
    now[0]["stages"] = 4
    assert anchors.changes(before, now) == (["drop: stages 5 -> 4"], False)
    now[1]["lut4"] = 8
    assert anchors.changes(before, now) == (["drop: stages 5 -> 4", "nat: lut4 7 -> 8 (worse)"], True)
    assert anchors.changes([], now) == ([], False)
    assert anchors.last_rows([{"rows": before}, {"rows": now[1:]}]) == {"drop": before[0], "nat": now[1]}
