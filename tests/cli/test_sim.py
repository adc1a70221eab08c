"""Verbs that simulate: sim, run, diff."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from c_programs import HEAD, LICENSE, compiled, needs_clang, needs_headers
from hardpath.codegen.flow import Design
from hardpath.sim import linux
from hardpath.sim.captures import read_capture


def frames_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def port_filter(example):
    return example("port_filter") / "port_filter.o"


@pytest.fixture
def capture(example):
    return example("port_filter") / "capture.pcap"


@pytest.mark.parametrize("verb", ["sim", "diff"])
def test_a_capture_without_frames_is_said(hardpath, example, tmp_path, verb):
    empty = tmp_path / "empty.pcap"
    empty.write_bytes((example("drop") / "capture.pcap").read_bytes()[:24])
    answer = hardpath(verb, example("drop") / "drop.o", "-r", empty)
    assert answer.status == 0
    assert answer.err == f"note: {empty}: 0 frames, so nothing is tried: give a capture with packets in it\n"


def test_a_capture_gives_figures_frames_maps_and_an_annotated_capture(
    hardpath, port_filter, capture, tmp_path
):
    written, lines, maps = tmp_path / "w.pcapng", tmp_path / "f.jsonl", tmp_path / "m.json"
    answer = hardpath(
        "sim", port_filter, "-r", capture, "-w", written, "--frames-out", lines, "--maps-out", maps, "-j"
    )
    assert answer.status == 0 and answer.err == ""
    sent = list(read_capture(capture))
    document, frames = answer.json, frames_of(lines)
    assert document.keys() >= {
        "program", "engine", "frames", "verdicts", "cycles", "cycles_per_frame", "latency", "stalls", "wall_s",
    }  # fmt: skip
    assert document["program"] == "port_filter" and document["engine"] == "verilator"
    assert document["frames"] == len(frames) == len(sent)
    assert [frame["index"] for frame in frames] == list(range(len(sent)))
    counted = Counter(frame["verdict"] for frame in frames)
    assert {verdict: n for verdict, n in document["verdicts"].items() if n} == counted
    latencies = [frame["latency_cycles"] for frame in frames]
    assert document["latency"]["cycles"]["min"] == min(latencies)
    assert document["latency"]["cycles"]["max"] == max(latencies)
    assert document["latency"]["ns"]["max"] == 8 * max(latencies)
    assert all(
        (frame["out"] is None) == (frame["verdict"] in ("XDP_DROP", "XDP_ABORTED")) for frame in frames
    )
    again = list(read_capture(written))
    assert [frame.data for frame in again] == [
        bytes.fromhex(frame["out"]) if frame["out"] is not None else before.data
        for frame, before in zip(frames, sent, strict=True)
    ]
    contents = json.loads(maps.read_text())
    assert set(contents) == {each["name"] for each in hardpath("inspect", port_filter, "-j").json["maps"]}


def test_the_table_shows_verdicts_latency_and_throughput(hardpath, port_filter, capture):
    text = hardpath("sim", port_filter, "-r", capture).out
    verdicts = hardpath("sim", port_filter, "-r", capture, "-j").json["verdicts"]
    for verdict, count in verdicts.items():
        assert (f"{verdict}" in text) == (count > 0)
    for word in ("Frames", "Cycles per frame", "Mpps", "p99", "64 bytes a beat, 125 MHz"):
        assert word in text


def test_generated_traffic_is_the_same_again_with_the_same_seed(hardpath, port_filter, tmp_path):
    def run(name, seed):
        path = tmp_path / name
        traffic = ["--traffic", "random", "--count", 300, "--seed", seed, "--frames-out", path]
        assert hardpath("sim", port_filter, *traffic).status == 0
        return path.read_bytes()

    assert run("a", 5) == run("b", 5)
    assert run("c", 6) != run("b", 5)


def test_maps_out_can_be_given_back_as_maps(hardpath, example, tmp_path):
    path, capture = example("source_counter") / "source_counter.o", example("source_counter") / "capture.pcap"
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for before, after in ((example("source_counter") / "maps.json", first), (first, second)):
        assert hardpath("sim", path, "-r", capture, "--maps", before, "--maps-out", after).status == 0
    once, twice = json.loads(first.read_text()), json.loads(second.read_text())
    assert once.keys() == twice.keys()
    assert once != twice  # the counters went on
    for name, entries in once.items():
        keys = [entry["key"] for entry in entries]
        assert keys == sorted(keys)
        assert set(keys) <= {entry["key"] for entry in twice[name]}


def test_contents_of_a_map_that_the_program_does_not_use_are_left_out_with_a_note(hardpath, data, tmp_path):
    maps = tmp_path / "maps.json"
    maps.write_text('{"other": [{"key": "01000000", "value": "0100000000000000"}]}')
    arguments = ("run", data / "missing.o", "--data-in", "00" * 64, "--maps", maps)
    unused = hardpath(*arguments, "--program", "counting")
    assert unused.status == 0
    assert unused.err.startswith("note: counting does not use map other")
    used = hardpath(*arguments, "--program", "with_other", "-j")
    assert used.json["verdict"] == "XDP_DROP" and used.err == ""


@pytest.mark.parametrize(("limit", "verdict"), [(60, "XDP_DROP"), (64, "XDP_PASS"), (0x1000, "XDP_PASS")])
def test_a_variable_is_set_before_compiling(hardpath, data, limit, verdict):
    answer = hardpath(
        "run", data / "missing.o", "--section", "xdp", "--data-in", "00" * 64, "--set", f"limit={limit}", "-j"
    )
    assert answer.json["verdict"] == verdict


def test_skip_bad_leaves_out_what_the_datapath_does_not_take(hardpath, example):
    arguments = (
        "sim",
        example("drop") / "drop.o",
        "--traffic",
        "imix",
        "--count",
        100,
        "--max-frame",
        1000,
        "-j",
    )
    assert hardpath(*arguments).status == 2
    document = hardpath(*arguments, "--skip-bad").json
    assert document["skipped"] > 0
    assert document["frames"] + document["skipped"] == 100


def test_a_rate_spaces_frames_out(hardpath, example):
    arguments = ("sim", example("drop") / "drop.o", "--traffic", "one-flow", "--count", 50, "-j")
    assert hardpath(*arguments).json["cycles_per_frame"] == 1.0
    # 64 bytes with FCS, preamble and gap are 84 bytes: 672 ns at 1 Gb/s, 84 cycles of 8 ns.
    assert hardpath(*arguments, "--rate", "1G").json["cycles_per_frame"] == pytest.approx(
        84 + 4 * 0.25, abs=4
    )


@pytest.mark.parametrize("form", ["text", "raw file", "hex file"])
def test_run_takes_bytes_in_every_form(hardpath, example, tmp_path, form):
    frame = bytes.fromhex("020000000001 020000000002 0800") + bytes(range(50))
    given = frame.hex()
    if form != "text":
        given = tmp_path / "frame"
        given.write_bytes(frame if form == "raw file" else frame.hex(" ").encode() + b"\n")
    out = tmp_path / "out"
    answer = hardpath("run", example("mac_swap") / "mac_swap.o", "--data-in", given, "--data-out", out, "-j")
    swapped = frame[6:12] + frame[:6] + frame[12:]
    assert (answer.json["retval"], answer.json["verdict"]) == (3, "XDP_TX")
    assert out.read_bytes() == bytes.fromhex(answer.json["out"]) == swapped


def test_run_repeats_a_frame_on_the_same_maps(hardpath, data, tmp_path):
    maps = tmp_path / "maps.json"
    arguments = ("--program", "counting", "--data-in", "00" * 60, "--repeat", 37, "--maps-out", maps)
    text = hardpath("run", data / "missing.o", *arguments).out
    assert "Return value: 2 (XDP_PASS)" in text and "1.00 cycles a frame" in text
    (entry,) = json.loads(maps.read_text())[".bss"]
    assert int.from_bytes(bytes.fromhex(entry["value"]), "little") == 37


def test_diff_tells_who_agrees_and_why_linux_was_left_out(hardpath, port_filter, capture):
    answer = hardpath("diff", port_filter, "-r", capture, "-j")
    assert answer.status == 0
    document = answer.json
    assert document["equal"] and document["difference"] is None
    assert document["compared"][:2] == ["hardware", "interpreter"]
    assert (
        ("Linux" in document["compared"])
        == (document["without_linux"] is None)
        == (linux.available() is None)
    )
    assert document["frames"] == sum(1 for _ in read_capture(capture))


PRINTING = """
SEC("xdp") int printing(struct xdp_md *ctx)
{
    START;
    bpf_printk("%d", b[0]);
    return XDP_PASS;
}
"""


@needs_clang
@needs_headers
def test_diff_does_not_claim_that_linux_was_asked_what_it_prints(hardpath, tmp_path):
    compiled(HEAD + PRINTING + LICENSE, tmp_path)
    said = hardpath("diff", tmp_path / "program.o", "--traffic", "64b", "--count", 7).out
    if linux.available() is None:
        assert "and Linux agree on 7 frames and 1 map; hardware and interpreter on 7 printed lines" in said
    else:
        assert "hardware and interpreter agree on 7 frames, 1 map and 7 events" in said


def test_diff_explains_the_first_difference_and_fails(hardpath, data, monkeypatch):
    # Hardware of another program: that with another limit.
    arguments = ("diff", data / "missing.o", "--section", "xdp", "--traffic", "random", "--count", 40)
    other = hardpath("dump", data / "missing.o", "verilog", "--section", "xdp", "--set", "limit=300").out
    monkeypatch.setattr(Design, "verilog", other)
    answer = hardpath(*arguments)
    assert answer.status == 1
    assert "Difference: frame " in answer.out and "verdict" in answer.out
    assert "hardware:" in answer.out and "XDP_DROP" in answer.out and "XDP_PASS" in answer.out
    document = hardpath(*arguments, "-j").json
    assert not document["equal"] and document["difference"]["what"] == "verdict"


def test_both_engines_give_the_same_frames_and_maps(hardpath, example, tmp_path):
    def run(engine):
        lines, maps = tmp_path / f"{engine}.jsonl", tmp_path / f"{engine}.json"
        answer = hardpath(
            "sim", example("count_protocols") / "count_protocols.o", "--traffic", "imix", "--count", 60,
            "--engine", engine, "--frames-out", lines, "--maps-out", maps, "-j",
        )  # fmt: skip
        if answer.status == 2 and "missing" in answer.err:
            pytest.skip(answer.err.strip())
        document = answer.json
        assert document.pop("engine") == engine
        del document["wall_s"]
        return document, lines.read_text(), maps.read_text()

    assert run("verilator") == run("cocotb")


def test_waves_are_written_beside_the_results(hardpath, example, tmp_path):
    waves = tmp_path / "waves.vcd"
    answer = hardpath("sim", example("drop") / "drop.o", "--traffic", "64b", "--count", 5, "--waves", waves)
    assert answer.status == 0
    assert "$enddefinitions" in waves.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["waves.vcd"]
