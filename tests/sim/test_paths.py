"""Which way frames take through a program."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import hardpath
from hardpath.sim.captures import read_capture
from hardpath.sim.paths import Paths, names_of
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session

FIREWALL = Path(__file__).parents[2] / "examples" / "firewall"


def session() -> Session:
    return hardpath.load(FIREWALL / "firewall.o").verify().compile().session


def test_every_frame_is_on_one_path_and_frames_on_one_path_end_alike() -> None:
    made = session()
    frames = list(read_capture(FIREWALL / "capture.pcap"))
    paths = Paths(made)
    for frame, record in zip(frames, made.interpreter(frames).results, strict=True):
        paths.add(frame, record.verdict)
        paths.time(len(frame.data))
    found = list(paths)
    assert sum(path.frames for path in found) == len(frames)
    assert [path.frames for path in found] == sorted((path.frames for path in found), reverse=True)
    assert sum((path.latency for path in found), Counter()) == Counter(len(frame.data) for frame in frames)
    assert all(path.decisions is not None for path in found)
    assert len({path.decisions for path in found}) == len(found) > 5
    document = paths.document(period_ps=1000)
    names = [tuple(each["path"]) for each in document]
    assert len(set(names)) == len(names)
    for path, each in zip(found, document, strict=True):
        # The program's jumps, and where they can lead.
        for slot, following in path.decisions:
            jump = made.design.program.instructions[slot]
            assert jump.is_conditional and following in (slot + 1, slot + 1 + jump.offset)
        assert each["latency"]["ns"]["max"] == max(path.latency)
    # Frames too short for an Ethernet header and others leave at different places, so by different paths.
    by_verdict = {verdict: {path.decisions for path in found if path.verdicts[verdict]} for verdict in Verdict}
    assert not by_verdict[Verdict.TX] & by_verdict[Verdict.DROP]


def test_a_path_with_another_verdict_than_the_interpreters_is_not_known() -> None:
    made = session()
    paths = Paths(made)
    frame = next(read_capture(FIREWALL / "capture.pcap"))
    (record,) = made.interpreter([frame]).results
    paths.add(frame, next(verdict for verdict in Verdict if verdict is not record.verdict))
    (path,) = paths
    assert path.decisions is None
    assert paths.document(1)[0]["path"] is None


def test_names_tell_only_where_paths_part() -> None:
    program = session().design.program
    jumps = [slot for slot, each in enumerate(program.instructions) if each.is_conditional][:3]
    a, b, c = ((slot, slot + 1) for slot in jumps)
    other = (jumps[1], jumps[1] + 1 + program.instructions[jumps[1]].offset)
    names = names_of([(a, b, c), (a, other)], program)
    assert [len(name) for name in names.values()] == [1, 1]
    assert len({name[0] for name in names.values()}) == 2
    assert names_of([(a, b, c)], program) == {(a, b, c): []}
    assert names_of([(a,), (a, b)], program)[(a,)] == ["end"]
