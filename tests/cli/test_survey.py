"""``hardpath survey``: every program of many objects, whatever it does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from c_programs import HEAD, LICENSE, compiled, needs_clang, needs_headers
from hardpath.codegen.elf import load
from hardpath.sim import linux, survey
from hardpath.sim.compare import Record
from hardpath.sim.isolated import FAULT, TOO_LONG, Ended
from hardpath.sim.session import Session

LINUX = linux.available() is None


@pytest.fixture
def corpus(tmp_path, example, data):
    """A folder with objects of all kinds, some deeper down."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.copy(example("firewall") / "firewall.o", tmp_path)
    shutil.copy(example("firewall") / "firewall.o", tmp_path / "same.o")
    shutil.copy(data / "missing.o", tmp_path / "deep")
    shutil.copy(data / "unsafe.o", tmp_path / "deep" / "er")
    (tmp_path / "broken.o").write_bytes((data / "missing.o").read_bytes()[:1000])
    (tmp_path / "notes.txt").write_text("no object")
    return tmp_path


def test_every_program_has_an_outcome(hardpath, corpus):
    answer = hardpath("survey", corpus, "--frames", 60, "-j")
    assert answer.status == 0, answer.err
    found = {(each["object"].rsplit("/")[-1], each["program"]): each for each in answer.json["programs"]}
    assert {name: each["outcome"] for name, each in found.items()} == {
        ("firewall.o", "firewall"): "exact",
        ("same.o", "firewall"): "exact",
        ("missing.o", "traced"): "refused",
        ("missing.o", "counting"): "exact",
        ("missing.o", "with_other"): "exact",
        ("unsafe.o", "unsafe"): "unsafe",
        ("broken.o", None): "unreadable",
    }
    firewall = found["firewall.o", "firewall"]
    assert firewall["stages"] > 1 and firewall["register_bits"] > 100 and firewall["seconds"]["schedule"] >= 0
    assert firewall["compared"] == ["graph", "Linux" if LINUX else "interpreter"]
    assert sum(firewall["verdicts"].values()) == firewall["frames"] == 180
    assert len(firewall["verdicts"]) > 1 and firewall["reached"] > 0.9 and firewall["entries"]["flows"] > 1
    assert found["same.o", "firewall"]["same_as"] == firewall["object"]
    assert found["missing.o", "traced"]["missing"] == ["bpf_get_stackid", "stack_trace map"]
    if LINUX:
        assert firewall["linux"]["accepts"] and not found["unsafe.o", "unsafe"]["linux"]["accepts"]
    totals = answer.json["totals"]
    assert totals["outcomes"] == {"exact": 4, "refused": 1, "unsafe": 1, "unreadable": 1}
    assert totals["missing"]["stack_trace map"] == {"programs": 1, "alone": 0}
    assert sum(n for reasons in totals["reasons"].values() for n in reasons.values()) == 3


@pytest.mark.skipif(not LINUX, reason=str(linux.available()))
def test_objects_of_all_compilers_are_as_linux_has_them(hardpath, data):
    answer = hardpath("survey", data.parents[1] / "data" / "elf", "--frames", 40, "-j")
    assert answer.status == 0, answer.err
    found = {}
    for each in answer.json["programs"]:
        found.setdefault(each["object"].rsplit("/")[-1], []).append((each["outcome"], each.get("compared", [""])[-1]))
    assert found["unsized.o"] == [("exact", "Linux")]
    for name in ("aya.o", "calls.gcc.o", "calls.clang14.o", "calls.v1.o", "calls.v4.o", "legacy.o", "sections.o"):
        assert set(found[name]) == {("exact", "Linux")}
    assert not {"different", "fault", "limit"} & answer.json["totals"]["outcomes"].keys()


def test_a_table_and_json_are_written(hardpath, corpus, tmp_path):
    shown = hardpath("survey", corpus / "deep", "--frames", 5, "-o", tmp_path / "out" / "put")
    assert shown.status == 0
    assert (tmp_path / "out" / "put" / "survey.txt").read_text() == shown.out
    document = json.loads((tmp_path / "out" / "put" / "survey.json").read_text())
    assert len(document["programs"]) == 4
    assert "Programs: 4 in 2 objects: 2 exact, 1 refused, 1 unsafe" in shown.out
    assert "map … is of type stack_trace (N), which is not supported" in shown.out


def test_maps_without_a_size_get_one_and_large_ones_become_smaller(data):
    spec = survey.with_bounded_maps(load(data / "missing.o"), 5)
    assert spec.maps["other"].max_entries == 5
    assert spec.maps[".bss"].max_entries == 1


def test_indexes_that_programs_name_stay(data):
    spec = load(data / "missing.o")  # with_other looks at index 1
    assert 2 <= survey.with_bounded_maps(spec, 1).maps["other"].max_entries < 8
    hashed = replace(spec, maps={"other": replace(spec.maps["other"], type=1)})
    assert survey.with_bounded_maps(hashed, 1).maps["other"].max_entries == 1


def test_there_must_be_something_to_survey(hardpath, tmp_path):
    assert hardpath("survey", tmp_path).status == 2
    assert hardpath("survey", tmp_path / "nothing.o").status == 2


def test_what_user_space_puts_into_slots_can_be_said(hardpath, data):
    def verdicts(*options):
        answer = hardpath("survey", data.parents[1] / "data/elf/numbered.o", "--frames", 5, "-j", *options)
        assert answer.status == 0, answer.err
        (entry,) = (each for each in answer.json["programs"] if each["program"] == "entry")
        assert entry["outcome"] == "exact"
        return entry["verdicts"]

    assert verdicts() == {"XDP_DROP": 15}  # slot 7 by the name of a section
    assert verdicts("--slot", "calls:7=elsewhere") == {"XDP_PASS": 15}
    wrong = hardpath("survey", data / "missing.o", "--slot", "calls:7=elsewhere")
    assert wrong.status == 2 and "no object has a map of that name" in wrong.err


def test_a_folder_that_cannot_be_written_is_named_first(hardpath, tmp_path):
    answer = hardpath("survey", tmp_path, "-o", "/proc/nothing")
    assert answer.status == 2 and "/proc/nothing: cannot write there" in answer.err


def test_a_difference_is_found_and_told(example, monkeypatch):
    def wrong(self, frames):
        right = Session.interpreter(self, frames)
        return Record("graph", right.results[:-1], right.maps)

    monkeypatch.setattr(Session, "graph", wrong)
    facts = {}
    plan = survey.Plan(survey.Target(), 1024, False, 20, 1, None, False)
    survey.examine(survey.Candidate(str(example("drop") / "drop.o"), 0, plan), facts.update)
    assert facts["outcome"] == "different"
    assert facts["difference"]["what"] == "number of frames" and "19 frames" in facts["reason"]


def test_stack_that_was_never_written_is_zero_only_if_asked_for(hardpath, data):
    outcomes = []
    for options in ([], ["--zero-stack"]):
        answer = hardpath("survey", data / "padding.o", "--frames", 20, "-j", *options)
        outcomes += [each["outcome"] for each in answer.json["programs"]]
    assert outcomes[0] == "refused" and outcomes[1] != "refused"


FAR = """
SEC("xdp") int far(struct xdp_md *ctx)
{
    START;
    if (b + 1300 > (unsigned char *)end)
        return XDP_PASS;
    b[1299] += b[0];
    return XDP_TX;
}
"""


@needs_clang
@needs_headers
def test_a_window_has_a_bound_only_if_one_is_given(hardpath, tmp_path):
    compiled(HEAD + FAR + LICENSE, tmp_path)
    found = []
    for options in ([], ["--max-window", 1024]):
        answer = hardpath("survey", tmp_path / "program.o", "--frames", 20, "-j", *options)
        found += answer.json["programs"]
    assert found[0]["outcome"] == "exact" and found[0]["window"] >= 1300
    assert found[1]["outcome"] == "refused" and "1024 bytes at most" in found[1]["reason"]
    assert hardpath("compile", tmp_path / "program.o", "-o", tmp_path / "out").status == 0
    refused = hardpath("compile", tmp_path / "program.o", "-o", tmp_path / "out", "--max-window", 1024)
    assert refused.status == 3 and "1024 bytes at most" in refused.err


UNTESTED = """
MAP(counts, ARRAY, __u32, __u64, 4);

SEC("xdp") int untested(struct xdp_md *ctx)
{
    START;
    __u32 key = 1;
    __u64 *count = bpf_map_lookup_elem(&counts, &key);
    *count += b[0];
    return XDP_PASS;
}
"""
"""A constant index of an array is always there, but Linux wants a test (docs/verification.md)."""


@needs_clang
@needs_headers
def test_what_linux_does_not_load_is_compared_with_the_interpreter(hardpath, tmp_path):
    compiled(HEAD + UNTESTED + LICENSE, tmp_path)
    answer = hardpath("survey", tmp_path / "program.o", "--frames", 20, "-j")
    (facts,) = answer.json["programs"]
    assert answer.status == 0 and facts["outcome"] == "exact"
    diff = hardpath("diff", tmp_path / "program.o", "--traffic", "64b", "--count", 5)
    assert diff.status == 0
    if facts["linux"]["accepts"] is False:
        assert facts["compared"] == ["graph", "interpreter"]
        assert facts["without_linux"].startswith("Linux does not accept untested: instruction")
        assert "Linux was skipped: Linux does not accept untested: instruction" in diff.out


def test_a_task_that_did_not_end_has_an_outcome_and_a_step():
    facts = survey.settled({"step": "schedule"}, Ended(TOO_LONG))
    assert (facts["outcome"], facts["reason"]) == ("limit", "too long in step schedule")
    facts = survey.settled({"step": "graph"}, Ended(FAULT, "Traceback ...\nKeyError: 3\n"))
    assert (facts["outcome"], facts["reason"]) == ("fault", "fault in step graph: KeyError: 3")
    assert "Traceback" in facts["traceback"]


def test_exact_programs_of_which_little_was_reached_are_counted():
    programs = [{"outcome": "exact", "reached": share} for share in (0.1, 0.49, 0.5, 1)]
    assert survey.totals([*programs, {"outcome": "refused", "group": "why"}])["half_seen"] == 2


def test_reasons_are_grouped_without_names_and_numbers(data):
    spec = load(data / "missing.o")
    assert survey.group("map traces is of type stack_trace (7)", spec) == "map … is of type stack_trace (N)"
    helper = "helper bpf_redirect_peer is not supported"
    assert survey.group(helper, spec) == helper
