"""Verbs that need no simulation: inspect, verify, dump, compile."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hardpath.cli.main import VERBS
from hardpath.cli.report import document
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program


def test_every_verb_explains_itself(hardpath):
    overview = hardpath("--help")
    for verb in VERBS:
        assert re.search(rf"^  {verb}\b", overview.out, re.M)
        help = hardpath(verb, "--help")
        assert help.status == 0 and "--json" in help.out


def test_switches_work_before_and_after_the_verb(hardpath, data):
    arguments = ("verify", data / "missing.o", "--program", "counting")
    before, after = hardpath("-p", *arguments), hardpath(*arguments, "-p")
    assert before == after
    assert before.json["verdict"] == "safe"
    assert len(before.out.splitlines()) > 1
    assert hardpath("-j", *arguments).json == before.json


def test_inspect_names_what_is_missing(hardpath, data):
    document = hardpath("inspect", data / "missing.o", "-j").json
    traced, counting, with_other = document["programs"]
    assert traced["hardware"] is None and "traces" in traced["problem"]
    assert [(h["name"], h["hardware"]) for h in traced["helpers"]] == [("bpf_get_stackid", None)]
    assert counting["problem"] is None and counting["hardware"]["stages"] >= 1
    assert counting["maps"] == [".rodata", ".bss"]
    assert with_other["helpers"][0]["hardware"] is not None
    maps = {each["name"]: each for each in document["maps"]}
    assert maps["traces"]["problem"] == "there is no hardware for stack_trace maps"
    assert maps["other"]["problem"] is None and maps["other"]["max_entries"] == 8
    text = hardpath("inspect", data / "missing.o").out
    assert text.count("MISSING") == 2


def test_inspect_misses_nothing_where_a_relocation_left_no_call(hardpath, data):
    path = data.parents[1] / "data" / "elf" / "resized.o"
    (guarded,) = hardpath("inspect", path, "--program", "guarded", "-j").json["programs"]
    assert guarded["helpers"] == [] and guarded["hardware"] is not None


def test_inspect_shows_one_program_and_changed_sizes(hardpath, data):
    document = hardpath(
        "inspect", data / "missing.o", "--section", "xdp/other", "--map-size", "other=64", "-j"
    ).json
    assert [each["name"] for each in document["programs"]] == ["with_other"]
    assert {each["name"]: each["max_entries"] for each in document["maps"]}["other"] == 64


def test_a_map_without_a_size_gets_one_on_the_command_line(hardpath, data):
    path = data.parents[1] / "data" / "elf" / "unsized.o"
    refused = hardpath("verify", path)
    assert refused.status == 3 and "set it with --map-size table=ENTRIES" in refused.err
    assert hardpath("verify", path, "--map-size", "table=64").status == 0


def test_inspect_of_an_unsafe_program_says_so_and_is_no_error(hardpath, data):
    answer = hardpath("inspect", data / "unsafe.o")
    assert answer.status == 0
    assert "no hardware: Verification failed" in answer.out


def test_stages_hold_every_operation_of_the_graph_beside_its_source(hardpath, example):
    path = example("firewall") / "firewall.o"
    spec = load(path)
    design = compile_program(spec, select(spec))
    stages = hardpath("dump", path, "stages", "-j").json
    assert [each["stage"] for each in stages] == list(range(design.schedule.stages))
    listed = sum(n for stage in stages for line in stage["lines"] for n in line["operations"].values())
    wiring = ("const", "input", "slice", "concat", "zext", "sext")
    assert listed == sum(node.op not in wiring for node in design.graph.nodes)
    sources = {line["source"] for stage in stages for line in stage["lines"]}
    assert any(source and "bpf_map_update_elem(&flows" in source for source in sources)
    assert hardpath("dump", path).out == hardpath("dump", path, "stages").out


def test_the_graph_is_listed_whole_and_in_order(hardpath, example):
    path = example("count_protocols") / "count_protocols.o"
    document = hardpath("dump", path, "graph", "-j").json
    ids = [node["id"] for node in document["nodes"]]
    assert ids == list(range(len(ids)))
    assert all(argument < node["id"] for node in document["nodes"] for argument in node["arguments"])
    assert set(document["outputs"]) >= {"verdict", "redirect", "start", "length"}
    lines = hardpath("dump", path, "graph").out.splitlines()
    assert len(lines) == len(ids) + len(document["outputs"])


def test_verilog_on_stdout_is_what_compile_writes(hardpath, example, tmp_path):
    path = example("drop") / "drop.o"
    answer = hardpath("compile", path, "-o", tmp_path / "new" / "folder", "-j")
    assert answer.status == 0
    verilog = (tmp_path / "new" / "folder" / "drop.v").read_text()
    assert "module hardpath(" in verilog
    assert hardpath("dump", path, "verilog").out == verilog


def test_compile_reports_mechanism_and_worst_case_of_every_map(hardpath, example, tmp_path):
    answer = hardpath("compile", example("firewall") / "firewall.o", "-o", tmp_path, "-j")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(answer.json["files"])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == answer.json["report"]
    assert report["register_bits"] == sum(stage["register_bits"] for stage in report["stage"])
    maps = {each["name"]: each for each in report["maps"]}
    assert maps[".rodata"]["mechanism"] == "constants in the logic"
    flows = maps["flows"]
    assert flows["mechanism"] == "interlock on the key"
    assert flows["worst_cycles_per_frame"] == 1 + max(h["worst_cycles"] for h in flows["hazards"]) > 1
    assert all(re.search(r"firewall\.c:\d+$", hazard["at"]) for hazard in flows["hazards"])
    text = (tmp_path / "report.txt").read_text()
    assert f"{report['stages']} stages" in text and "map flows: hash" in text


def test_compile_says_which_line_is_too_slow_for_the_clock_and_which_clock_is_not(hardpath, example, tmp_path):
    path = example("source_counter") / "source_counter.o"
    answer = hardpath("compile", path, "-o", tmp_path / "fast", "--clock", "400")
    told = r"400 MHz will not be reached: (\S+\.c:\d+) alone takes [\d.]+ ns: choose --clock (\d+), or less"
    found = re.search(told, answer.err)
    assert found and f"too long for one stage: {found[1]} takes" in (tmp_path / "fast" / "report.txt").read_text()
    assert "will not be reached" not in hardpath("compile", path, "-o", tmp_path / "slower", "--clock", found[2]).err


def test_compile_for_ports_chooses_what_keeps_up_with_them_and_says_why(hardpath, example, tmp_path):
    answer = hardpath("compile", example("firewall") / "firewall.o", "-o", tmp_path, "--ports", "1g", "-j")
    report = answer.json["report"]
    assert report["target"] == {"clock_mhz": 125.0, "width": 8, "max_frame": 2048}
    assert "1g ports leave 83 cycles of 125 MHz from frame to frame, and the hardware takes one every 27" in answer.err
    assert "8 bytes a beat, up to 1 frame at a time in 8 stages" in answer.err
    assert report["initiation_interval"] == report["stages"] and report["carries_gbps"] >= 1
    (flows,) = (each for each in report["maps"] if each["name"] == "flows")
    assert flows["mechanism"] == "one frame at a time" and not flows["hazards"]
    rows = report["intervals"]
    assert [row["ii"] for row in rows] == [1, 2, 4, 8, 83] and report["stages"] == 8
    assert rows[-1]["lut4"] == report["area"]["lut4"]
    for faster, slower in pairwise(rows):
        assert slower["flip_flops"] < faster["flip_flops"] and slower["lut4"] < faster["lut4"]
    assert rows[-1]["block_rams"] < rows[0]["block_rams"] / 2  # maps take their time
    assert rows[-1]["worst_cycles"] == 8 + report["maps_hold_cycles"] < 83 and rows[-1]["carries_gbps"] > 1
    plain = hardpath("dump", example("firewall") / "firewall.o", "verilog", "--ports", "1g", "--ii", "1").out
    assert plain != (tmp_path / "firewall.v").read_text()


def test_compile_says_when_the_worst_traffic_is_too_much_for_the_ports(hardpath, example, tmp_path):
    firewall = example("firewall") / "firewall.o"
    fast, slow = (hardpath("compile", firewall, "-o", tmp_path, "--ports", speed, "-j") for speed in ("100g", "10g"))
    assert "too seldom" in fast.err and fast.json["report"]["carries_at_worst_gbps"] < 100
    assert "too seldom" not in slow.err and slow.json["report"]["carries_at_worst_gbps"] >= 10


def test_a_clock_too_slow_for_the_ports_is_refused(hardpath, example, tmp_path):
    slow = hardpath("compile", example("drop") / "drop.o", "-o", tmp_path, "--ports", "100g", "--clock", "100")
    assert slow.status == 3 and "not enough for 100g ports" in slow.err and "250 MHz" in slow.err


def test_a_policer_waits_for_new_sources_only_and_the_report_names_its_stores(example):
    path = example("rate_limiter") / "rate_limiter.o"
    spec = load(path)
    (buckets,) = (each for each in document(compile_program(spec, select(spec)))["maps"] if each["name"] == "buckets")
    source = path.with_suffix(".c").read_text().splitlines()
    waits = {(hazard["access"], hazard["waits_for"]) for hazard in buckets["hazards"]}
    assert ("read", "write") not in waits
    stores = [each["waits_for_at"] for each in buckets["hazards"] if each["waits_for"] == "write"]
    assert stores and all("bucket->" in source[int(at.rpartition(":")[2]) - 1] for at in stores)


def test_a_counter_runs_a_frame_a_cycle_in_an_atomic_unit(hardpath, example, tmp_path):
    path = example("count_protocols") / "count_protocols.o"
    report = hardpath("compile", path, "-o", tmp_path, "-j").json["report"]
    counters = next(each for each in report["maps"] if each["mechanism"] != "constants in the logic")
    assert counters["mechanism"] == "atomic unit with forwarding"
    assert counters["worst_cycles_per_frame"] == 1


@pytest.mark.parametrize("width", [8, 128])
def test_a_narrow_stream_keeps_the_window_and_a_slow_clock_needs_fewer_stages(hardpath, example, width):
    arguments = ("inspect", example("firewall") / "firewall.o", "-j", "--width", width)
    fast = hardpath(*arguments, "--clock", 250).json["programs"][0]["hardware"]
    slow = hardpath(*arguments, "--clock", 50).json["programs"][0]["hardware"]
    assert slow["stages"] < fast["stages"]
    assert slow["window"] % width == 0
