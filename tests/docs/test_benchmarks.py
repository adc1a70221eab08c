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


def test_area_is_estimated_and_counted():
    for head, cells in rows():
        names = [name.strip() for name in head.strip("|").split("|")]
        for name, cell in zip(names, cells, strict=True):
            if name in ("LUT4", "flip-flops", "block RAMs"):
                assert re.fullmatch(r"[\d,]+ / [\d,]+", cell), f"{cells[0]}: {name} {cell}: --synthesize"


def test_the_readme_tells_the_figures_of_the_page():
    figures: dict[str, dict[str, str]] = {}
    for head, cells in rows():
        names = [name.strip() for name in head.strip("|").split("|")]
        figures.setdefault(cells[0], {}).update(zip(names, cells, strict=True))
    readme = (ROOT / "README.md").read_text()
    (table,) = re.findall(r"^\| program \| cycles here .*\n.*\n((?:\|.*\n)+)", readme, re.M)
    for line in table.splitlines():
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        wanted = ("cycles", "hXDP cycles", "latency ns", "Linux here ns")
        assert cells == [figures[name][each] for each in wanted], name


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
    slow = [{**before[0], "verilator_fps": 700, "compile_s": 1.3}]
    fast = [{**before[0], "verilator_fps": 1000, "compile_s": 1.2}]
    assert anchors.changes(slow, slow) == ([], False)
    assert anchors.changes(slow, fast) == (["drop: verilator_fps 700 -> 1000"], False)
    assert anchors.changes(fast, slow) == (["drop: verilator_fps 1000 -> 700 (slower)"], False)
    runs = [{"commit": c, "date": "d", "machine": "m", "rows": rows} for c, rows in (("a", before), ("b", now[1:]))]
    assert anchors.told(runs).splitlines() == [
        "a of d, m: 2 programs", "  drop: first figures", "  nat: first figures",
        "b of d, m: 1 programs", "  nat: lut4 7 -> 8 (worse)",
    ]  # fmt: skip
    assert anchors.last_rows([{"rows": before}, {"rows": now[1:]}]) == {"drop": before[0], "nat": now[1]}
