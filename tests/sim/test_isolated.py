"""Tasks in processes of their own end within their limits, and what they told is kept."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from hardpath.sim.isolated import FAULT, TOO_LARGE, TOO_LONG, Limits, run_isolated

sys.path.insert(0, str(Path(__file__).parent))  # the processes import the tasks by name, too

from isolated_tasks import behave

AMPLE = Limits(30, 1024)


def run(*tasks, limits=AMPLE):
    return {task: (facts, ended) for task, facts, ended in run_isolated(behave, tasks, 2, limits)}


def test_facts_are_merged_and_each_task_has_its_own():
    found = run("return", "raise", "die")
    assert found["return"][0] == {"how": "return", "told": 2} and found["return"][1].why is None
    facts, ended = found["raise"]
    assert facts == {"how": "raise", "told": 1}
    assert ended.why == FAULT and "ValueError: something is wrong" in ended.detail and "Traceback" in ended.detail
    facts, ended = found["die"]
    assert facts["told"] == 1 and ended.why == FAULT and "SIGABRT" in ended.detail


def test_memory_is_bounded():
    facts, ended = run("eat", limits=Limits(60, 512))["eat"]
    assert ended.why == TOO_LARGE and facts["told"] == 1


def test_time_is_cpu_time():
    facts, ended = run("work", limits=Limits(2, 1024))["work"]
    assert ended.why == TOO_LONG and 1 < facts["worked"] < 4


def test_time_is_bounded_for_a_task_and_for_what_it_started():
    start = time.monotonic()
    found = run("hang", "return", limits=Limits(1, 1024))
    assert time.monotonic() - start < 20
    facts, ended = found["hang"]
    assert ended.why == TOO_LONG and found["return"][1].why is None
    while is_running(facts["child"]):
        assert time.monotonic() - start < 30
        time.sleep(0.05)


def is_running(pid):
    """Whether there is such a process, other than one that nobody has asked for its exit status."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_all_tasks_run_however_few_may_run_at_a_time():
    found = [task for task, _, ended in run_isolated(behave, ["return"] * 5, 1, AMPLE) if ended.why is None]
    assert len(found) == 5
