"""Bad usage and bad input: one clear line on stderr, the right exit status, no traceback, nothing written."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

FIREWALL = Path("examples/firewall/firewall.o")
CHAIN = Path("examples/chain/chain.o")
CAPTURE = Path("examples/firewall/capture.pcap")


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def complaint(answer):
    """The line of a failed command."""
    assert answer.out == ""
    assert "Traceback" not in answer.err
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "No such command 'frobnicate': give one of inspect, verify"),
        (["sim"], "Missing argument 'OBJECT'"),
        (["sim", FIREWALL], "give frames: either -r CAPTURE or --traffic NAME"),
        (["sim", FIREWALL, "-r", CAPTURE, "--traffic", "64b"], "give frames: either"),
        (["sim", FIREWALL, "-r", CAPTURE, "--frob"], "No such option '--frob'"),
        (["sim", FIREWALL, "-r", CAPTURE, "--engine", "vcs"], "'vcs' is not one of"),
        (["sim", FIREWALL, "-r", CAPTURE, "--width", "7"], "'7' is not one of"),
        (["sim", FIREWALL, "-r", CAPTURE, "--clock", "0"], "0.0 is not in the range"),
        (["sim", FIREWALL, "-r", CAPTURE, "--clock", "1000"], "1000.0 is not in the range"),
        (["sim", FIREWALL, "-r", CAPTURE, "--max-window", "100000"], "100000 is not in the range"),
        (["sim", FIREWALL, "-r", CAPTURE, "--control", "nowhere/bus"], "nowhere/bus: cannot make a socket there"),
        (["sim", FIREWALL, "-r", CAPTURE, "--control", "x", "--engine", "cocotb"], "use --control with --engine"),
        (["compile", FIREWALL, "-o", "/proc/here"], "/proc/here: cannot write there"),
        (["sim", FIREWALL, "-r", CAPTURE, "--clock", "nan"], "'nan' is not a number"),
        (["survey", FIREWALL, "--timeout", "nan"], "'nan' is not a number"),
        (["sim", FIREWALL, "-r", CAPTURE, "--rate", "fast"], "rate 'fast': give bits a second"),
        (["sim", FIREWALL, "-r", "nowhere.pcap"], "nowhere.pcap: No such file or directory"),
        (["sim", FIREWALL, "-r", FIREWALL], "not a capture"),
        (["sim", FIREWALL, "--traffic", "rush-hour"], "give one of 64b"),
        (["sim", FIREWALL, "--traffic", "64b", "--count", "-1"], "-1 is not in the range"),
        (["sim", FIREWALL, "-r", CAPTURE, "-w", "nowhere/out.pcapng"], "nowhere/out.pcapng: cannot write"),
        (["sim", FIREWALL, "-r", CAPTURE, "-w", "examples"], "examples is a directory"),
        (["sim", FIREWALL, "-r", CAPTURE, "-w", "both", "--maps-out", "./both"], "both is named for two outputs"),
        (["sim", FIREWALL, "-r", CAPTURE, "--maps", "nowhere.json"], "nowhere.json: No such file or directory: give a"),
        (["verify", "nowhere.o"], "nowhere.o: No such file or directory: give an object file that is there"),
        (["verify", "examples"], "examples"),
        (["verify", CAPTURE], "capture.pcap: not a readable ELF object (Magic number does not match): give what clang"),
        (["verify", FIREWALL, "--program", "other"], "no program named other"),
        (["verify", FIREWALL, "--section", "tc"], "no program in section tc"),
        (["verify", FIREWALL, "--map-size", "flows"], "'flows' is not NAME=NUMBER"),
        (["verify", FIREWALL, "--map-size", "flows=many"], "'flows=many' is not NAME=NUMBER"),
        (["verify", FIREWALL, "--map-size", "flows=0"], "cannot have 0 entries"),
        (["verify", FIREWALL, "--map-size", "streams=4"], "there is no map streams; it has"),
        (["verify", FIREWALL, "--set", "speed=4"], "there is no variable speed"),
        (["verify", FIREWALL, "--set", "inside_mask=0x1ffffffff"], "does not fit the 4 bytes"),
        (["verify", CHAIN, "--slot", "layers=tcp"], "'layers=tcp' is not MAP:INDEX=NAME[,NAME...]"),
        (["verify", CHAIN, "--slot", "notes:0=tcp"], "notes is no array of programs and no map of maps; these"),
        (["verify", CHAIN, "--slot", "layers:3=tcp"], "slot 3 of layers: the map has 3 entries only"),
        (["verify", CHAIN, "--slot", "layers:0=ipv4,icmp"], "slot 0 of layers holds icmp, which is no program"),
        (["dump", FIREWALL, "everything"], "'everything' is not one of"),
        (["compile", FIREWALL], "Missing option '-o'"),
        (["compile", FIREWALL, "-o", CAPTURE], "capture.pcap is a file: name a folder"),
        (["run", FIREWALL, "--data-in", "nowhere.bin"], "neither a file nor hexadecimal bytes"),
        (["run", FIREWALL, "--data-in", "0011"], "2 bytes, but a frame has 14 to 2048"),
        (["diff", FIREWALL, "-r", CAPTURE, "--max-frame", "100"], "leave such packets out with --skip-bad"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(hardpath, arguments, says):
    answer = hardpath(*arguments)
    assert answer.status == 2
    assert says in complaint(answer)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ("{", "is no JSON"),
        ("[]", "map contents are an object"),
        ('{"streams": []}', "there is no map streams; the maps are .rodata, flows"),
        ('{"flows": {}}', "its entries are a list"),
        ('{"flows": [{"key": "00"}]}', 'entry 0: an entry is an object with "key" and "value"'),
        ('{"flows": [{"key": "00", "value": "00"}]}', "entry 0, key: 1 bytes, must be 16"),
        ('{"flows": [], "flows": []}', '"flows" is there twice in one object'),
        ('{".rodata": [{"key": "00000000", "value": "0000000000000000"}]}', "map .rodata is read-only"),
    ],
)
def test_wrong_map_contents_name_file_map_and_entry(hardpath, tmp_path, contents, says):
    maps = tmp_path / "maps.json"
    maps.write_text(contents)
    answer = hardpath("sim", FIREWALL, "-r", CAPTURE, "--maps", maps)
    assert answer.status == 2
    assert f"{maps}" in complaint(answer) and says in answer.err


def test_an_entry_that_the_map_does_not_take_is_named(hardpath, tmp_path):
    maps = tmp_path / "maps.json"
    maps.write_text('{"other": [{"key": "08000000", "value": "0000000000000000"}]}')
    path = Path("tests/cli/data/missing.o")
    answer = hardpath("run", path, "--program", "with_other", "--data-in", "00" * 60, "--maps", maps)
    assert answer.status == 2
    line = complaint(answer)
    assert "map other does not take the entry with key 08000000: it holds 8 entries" in line
    assert "--map-size other=N" in line


@pytest.mark.parametrize("size", [0, 3, 52, 64, 700, 2000])
def test_truncated_objects_are_refused_in_one_line(hardpath, tmp_path, size):
    path = tmp_path / "cut.o"
    path.write_bytes(FIREWALL.read_bytes()[:size])
    for verb in ("inspect", "verify"):
        answer = hardpath(verb, path)
        assert answer.status == 2
        assert "cut.o" in complaint(answer)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_objects_never_show_a_traceback(hardpath, tmp_path, seed):
    rng = random.Random(seed)
    content = bytearray(FIREWALL.read_bytes())
    for _ in range(rng.randint(1, 8)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path = tmp_path / "damaged.o"
    path.write_bytes(content)
    answer = hardpath("verify", path)
    assert answer.status in (0, 1, 2, 3)
    assert "Traceback" not in answer.err
    assert (answer.status == 0) == (answer.err == "")


@pytest.mark.parametrize("size", [0, 10, 30, 1000])
def test_a_broken_capture_leaves_no_output_behind(hardpath, tmp_path, size, example):
    capture = tmp_path / "cut.pcap"
    capture.write_bytes((example("drop") / "capture.pcap").read_bytes()[:size])
    out = tmp_path / "out"
    out.mkdir()
    outputs = ["-w", out / "w.pcapng", "--frames-out", out / "f.jsonl", "--maps-out", out / "m.json"]
    answer = hardpath("sim", example("drop") / "drop.o", "-r", capture, *outputs)
    assert answer.status == 2
    assert "cut.pcap" in complaint(answer)
    assert list(out.iterdir()) == []


def test_outputs_of_an_earlier_run_survive_a_failure(hardpath, tmp_path, example):
    frames = tmp_path / "frames.jsonl"
    frames.write_text("precious")
    capture = tmp_path / "cut.pcap"
    capture.write_bytes((example("drop") / "capture.pcap").read_bytes()[:-1])
    assert hardpath("sim", example("drop") / "drop.o", "-r", capture, "--frames-out", frames).status == 2
    assert frames.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.pcap", "frames.jsonl"]


def test_a_full_disk_is_no_fault_of_hardpath(hardpath, example):
    frame = "020000000002" + "020000000001" + "0800" + "00" * 46
    answer = hardpath("run", example("mac_swap") / "mac_swap.o", "--data-in", frame, "--data-out", "/dev/full")
    assert answer.status == 2
    assert "cannot write: No space left on device" in complaint(answer)


def test_errors_are_json_too_where_json_is_wanted(hardpath):
    answer = hardpath("verify", "nowhere.o", "-j")
    assert answer.status == 2
    assert json.loads(answer.out) == {"error": "input", "message": answer.err.strip()}


def test_debug_shows_where_an_error_comes_from(hardpath):
    answer = hardpath("-d", "verify", "nowhere.o")
    assert answer.status == 2
    assert "Traceback" in answer.err


def test_an_unsafe_program_is_explained_and_status_1(hardpath, data):
    answer = hardpath("verify", data / "unsafe.o")
    assert answer.status == 1
    words = ["Verification failed:", "Reason:", "At:", "unsafe.c:9", "Causal path:", "Suggestion:"]
    positions = [answer.err.find(word) for word in words]
    assert -1 not in positions and positions == sorted(positions)
    document = hardpath("-j", "verify", data / "unsafe.o").json
    assert document["error"] == "verification"
    assert (document["at"]["instruction"], document["at"]["line"]) == (1, 9)
    assert document["path"][0]["line"] == 8


@pytest.mark.parametrize("verb", ["verify", "dump", "sim"])
def test_missing_hardware_is_named_and_status_3(hardpath, data, verb):
    frames = ["--traffic", "64b"] if verb == "sim" else []
    answer = hardpath(verb, data / "missing.o", "--program", "traced", *frames)
    assert answer.status == 3
    assert answer.err.startswith("Refused: ")
    assert "missing.c:22" in answer.err and "Suggestion:" in answer.err


def test_a_cache_that_cannot_be_written_is_named(hardpath, tmp_path, example):
    (tmp_path / "file").write_text("")
    answer = hardpath(
        "sim", example("drop") / "drop.o", "--traffic", "64b", "--count", 1, "--cache", tmp_path / "file" / "cache"
    )
    assert answer.status == 2
    assert "choose another place with --cache" in complaint(answer)
