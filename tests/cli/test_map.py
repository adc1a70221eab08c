"""``hardpath map``: what bpftool says of the same maps, byte for byte, and what only a simulation has."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hardpath.codegen.elf import load
from hardpath.nic_model.host import connect
from hardpath.sim import linux
from hardpath.sim.captures import Frame, write_frames
from hardpath.sim.program import load as load_program
from hardpath.sim.results import Verdict

DATA = Path(__file__).parent.parent / "nic_model" / "data"
TYPES = DATA / "types.o"


@pytest.fixture(scope="module")
def pinned(tmp_path_factory):
    """The maps of types.o in the kernel, where bpftool finds them."""
    if shutil.which("bpftool") is None:
        pytest.skip("bpftool is missing")
    if reason := linux.available():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("bpf")
    if subprocess.run(["mount", "-t", "bpf", "none", folder], capture_output=True, check=False).returncode:
        pytest.skip("a BPF file system cannot be mounted here")
    try:
        maps = folder / "maps"
        loaded = ["bpftool", "prog", "load", TYPES, folder / "program", "pinmaps", maps]
        done = subprocess.run(loaded, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"bpftool does not load the object: {done.stderr.splitlines()[0]}")
        yield maps
    finally:
        subprocess.run(["umount", folder], check=False)


def bpftool(*words: object) -> str:
    return subprocess.run(["bpftool", *map(str, words)], capture_output=True, text=True, check=False).stdout


class Twins:
    """One map in the kernel and in a file."""

    def __init__(self, hardpath, maps, file, name):
        self._hardpath, self._maps, self._file, self._name = hardpath, maps, file, name

    def both(self, verb, *words, switch=()):
        """What bpftool prints, and what hardpath does."""
        theirs = bpftool(*switch, "map", verb, "pinned", self._maps / self._name, *words)
        where = ["--maps", self._file, "--object", TYPES]
        ours = self._hardpath("map", *switch, *where, verb, "name", self._name, *words)
        return theirs, ours.out


@pytest.fixture
def twins(hardpath, pinned, tmp_path):
    return lambda name: Twins(hardpath, pinned, tmp_path / "maps.json", name)


def as_bytes(data: bytes) -> list[str]:
    return ["hex", *(f"{byte:02x}" for byte in data)]


@pytest.mark.linux
@pytest.mark.parametrize("name", ["flows", "numbers", "bytes", "few_bytes"])
def test_maps_are_printed_as_bpftool_prints_them(twins, name):
    rng = random.Random(name)
    found = twins(name)
    spec = load(TYPES).maps[name]
    key_size, value_size = spec.key_size, spec.value_size
    for _ in range(6):
        key = bytes(4) if name == "numbers" else rng.randbytes(key_size)
        # Small bytes, printable ones and zeros, so that texts, null pointers and names of enumerators come about.
        value = bytes(rng.choice((0, 0, 6, 17, 65, 39, 34, 92, 9, 0x7E, 0xFD, 0xFF)) for _ in range(value_size))
        change = ["update", "key", *as_bytes(key), "value", *as_bytes(value)]
        assert found.both(*change, switch=("-j",)) == ("null\n", "null\n")
        assert found.both(*change) == ("", "")
        for switch in ((), ("-j",), ("-p",)):
            for words in (("dump",), ("lookup", "key", *as_bytes(key)), ("getnext",)):
                theirs, ours = found.both(*words, switch=switch)
                assert theirs and ours == theirs, words
        if name == "flows":
            assert '"packets"' in found.both("dump")[1]
        for switch in ((), ("-j",)):
            if name != "numbers":
                missing = found.both("lookup", "key", *as_bytes(bytes(key_size)), switch=switch)
                assert missing[0] and missing[0] == missing[1]
        theirs, ours = found.both("delete", "key", *as_bytes(key), switch=("-j",))
        assert ("error" in theirs) == ("error" in ours) and (theirs == ours or name == "numbers")


@pytest.mark.linux
def test_a_per_cpu_map_has_the_one_value_in_the_form_of_bpftool(twins):
    found = twins("counts")
    for switch in (("-j",), ("-p",), ()):
        theirs, ours = found.both("dump", switch=switch)
        expected = json.loads(theirs)
        for entry in expected:
            for each in (entry, entry.get("formatted", {})):
                if "values" in each:
                    each["values"] = [value for value in each["values"] if value["cpu"] == 0]
        assert json.loads(ours) == expected and expected[0]


def test_global_data_is_shown_by_its_variables(hardpath, tmp_path):
    where = ["--maps", tmp_path / "none.json", "--object", TYPES]
    shown = hardpath("map", *where, "dump", "name", ".data").json
    assert shown == [{"value": {".data": [{"counter": 5}, {"global": {"a": 1, "b": 2}}, {"label": 'ab"'}]}}]


def test_a_queue_in_a_file(hardpath, tmp_path):
    file = tmp_path / "maps.json"
    run = lambda *words: hardpath("map", "--maps", file, "--object", TYPES, *words)  # noqa: E731
    for number in (1, 2, 3):
        assert run("push", "name", "waiting", "value", number, 0, 0, 0).status == 0
    full = run("enqueue", "name", "waiting", "value", 4, 0, 0, 0)
    assert full.status == 1 and "map waiting: push failed: Argument list too long" in full.err
    assert run("peek", "name", "waiting").out == "value: 01 00 00 00\n"
    assert run("-j", "pop", "name", "waiting").json == {"key": [], "value": ["0x01", "0x00", "0x00", "0x00"]}
    assert [entry["value"] for entry in json.loads(file.read_text())["waiting"]] == ["02000000", "03000000"]


def test_a_map_in_a_map_of_maps_is_called_by_its_name(hardpath, tmp_path):
    """And what the file then says is what the program gets."""
    contents, path = tmp_path / "maps.json", DATA / "inside.o"
    contents.write_text("{}")
    change = ["map", "--maps", contents, "--object", path, "update", "name"]
    assert hardpath(*change, "way", "key", 0, 0, 0, 0, "value", "name", "right").status == 0
    assert hardpath(*change, "right", "key", 0, 0, 0, 0, "value", 3, ord("r"), 0, 0).status == 0
    wrong = hardpath(*change, "way", "key", 1, 0, 0, 0, "value", "name", "nobody")
    assert (wrong.status, "there is no map nobody; these are: way, left, right" in wrong.err) == (2, True)
    design = load_program(path, maps=contents).verify().compile()
    (result,) = design.session.graph([Frame(bytes(60))]).results
    assert result.verdict == Verdict.TX and result.out == b"r".ljust(59, b"\0") + b"r"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["frob"], "no verb frob: give one of show, list, dump"),
        (["dump"], "dump: expected a map: name NAME or id NUMBER"),
        (["dump", "name", "nothing"], "there is no map nothing; these are: .data"),
        (["dump", "id", "99"], "there is no map 99"),
        (["dump", "pinned", "x"], "dump: expected name or id, got pinned"),
        (["dump", "name", "flows", "more"], "dump: more is one word too many"),
        (["lookup", "name", "numbers"], "lookup: expected key"),
        (["lookup", "name", "numbers", "key", "0", "0"], "lookup: key expected 4 bytes got 2"),
        (["lookup", "name", "numbers", "key", "0", "0", "x"], "got 2, and x is none"),
        (["lookup", "name", "numbers", "key", "0", "256", "0", "0"], "lookup: 256 is no byte: a byte is 0 to 255"),
        (["lookup", "name", "numbers", "key", "hex", "0a00"], "give each byte by itself, as to bpftool: 0a 00"),
        (["lookup", "name", "numbers", "key", "0xcb007109"], "by itself, as to bpftool: hex cb 00 71 09"),
        (["lookup", "name", "numbers", "key", "0a", "0", "0", "0"], "0a is none: hexadecimal ones come behind hex"),
        (["update", "name", "numbers", "key", *"0000", "value", *"12345678", "often"], "unrecognized flag often"),
        (["delete", "name", "waiting"], "map waiting has no keys: pop takes a value out"),
        (["pop", "name", "flows"], "map flows has keys: lookup and delete are for it"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(hardpath, tmp_path, words, says):
    answer = hardpath("map", "--maps", tmp_path / "none.json", "--object", TYPES, *words)
    assert answer.status == 2 and answer.out == ""
    assert says in answer.err and len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(("words", "says"), [
    ((), "say which device"),
    (("--control", "a", "--uart", "b"), "say which device"),
    (("--control", "a", "--direction", "1"), "a simulation has one"),
    (("--uart", "none"), "none: cannot open it"),
    (("--uart", TYPES), "this is no serial line"),
    (("--uart", "none", "--baud", "115201"), "knows no serial lines of 115201 baud"),
    (("--ethernet", "none0"), "none0: "),
    (("--ethernet", "none0", "--address", "1:2"), "no Ethernet address"),
])
def test_a_device_that_cannot_be_reached(hardpath, words, says):
    answer = hardpath("stats", *words)
    assert answer.status == 2 and answer.out == "" and says in answer.err and len(answer.err.splitlines()) == 1


def test_where_the_maps_are_must_be_said(hardpath, tmp_path):
    assert "say which maps" in hardpath("map", "show").err
    answer = hardpath("map", "--control", tmp_path / "none", "show")
    assert answer.status == 2 and "no simulation is there" in answer.err


class Simulation:
    """``hardpath sim --control`` as a process of its own."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "hardpath.cli.main", "sim", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, by: int) -> tuple[int, str, str]:
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextlib.contextmanager
def simulation(*arguments):
    running = Simulation(*arguments)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_simulation_stays_up_until_it_is_told_to_stop(hardpath, tmp_path, by):
    socket, capture, written = tmp_path / "bus", tmp_path / "in.pcapng", tmp_path / "out.pcapng"
    with open(capture, "wb") as file:
        write_frames(file, [Frame(bytes(60))] * 5)
    switch = [DATA / "switch.o", "--slot", "way:0=left,right"]
    with simulation(*switch, "-r", capture, "--control", socket, "-w", written, "--json") as running:
        with connect_soon(socket, running) as device:
            while device.client.counters()["verdict_tx"] < 5:
                time.sleep(0.01)
        assert hardpath("map", "--control", socket, "-j", "dump", "name", "way").json == [
            {"key": ["0x00"] * 4, "value": [f"0x{number_of('left'):02x}", *["0x00"] * 3],
             "formatted": {"key": 0, "value": number_of("left")}}
        ]  # fmt: skip
        update = ["update", "name", "way", "key", 0, 0, 0, 0, "value", "name", "right"]
        assert hardpath("map", "--control", socket, *update).status == 0
        with connect(socket) as device:
            assert device.maps["way"].lookup(0) == number_of("right")
        taken = hardpath("sim", *switch, "--traffic", "64b", "--control", socket)
        assert taken.status == 2 and "a simulation is already there" in taken.err
        assert hardpath("stats", "--control", socket, "--clear").status == 0
        status, out, err = running.end(by)
    assert status == 0, err
    assert json.loads(out)["verdicts"]["XDP_TX"] == 5
    assert "note: stalls are those since the last hardpath stats --clear" in err
    assert not socket.exists() and written.exists()
    assert sorted(os.listdir(tmp_path)) == ["in.pcapng", "out.pcapng"]


def test_a_fault_of_the_input_ends_a_simulation_that_stays_up(tmp_path):
    capture = tmp_path / "in.pcapng"
    with open(capture, "wb") as file:
        write_frames(file, [Frame(bytes(60)), Frame(bytes(3000))])
    arguments = [DATA / "switch.o", "--program", "left", "-r", capture, "--control", tmp_path / "bus"]
    with simulation(*arguments) as running:
        out, err = running.process.communicate(timeout=120)
    assert (running.process.returncode, out) == (2, "")
    assert "packet 2: 3000 bytes" in err and "take longer frames with --max-frame 3000" in err


def number_of(program: str) -> int:
    return 1 + [each.name for each in load(DATA / "switch.o").programs].index(program)


def connect_soon(socket: Path, running: Simulation):
    while not socket.is_socket():
        assert running.process.poll() is None, running.process.communicate()
        time.sleep(0.05)
    return connect(socket)


def test_sigterm_leaves_nothing_behind(tmp_path):
    written = tmp_path / "out.pcapng"
    arguments = [DATA / "switch.o", "--program", "left", "--traffic", "64b", "--count", 10**9, "-w", written]
    with simulation(*arguments) as running:
        while not os.listdir(tmp_path):
            assert running.process.poll() is None, running.process.communicate()
            time.sleep(0.05)
        status, _, err = running.end(signal.SIGTERM)
    assert status == 128 + signal.SIGTERM and "Traceback" not in err
    assert os.listdir(tmp_path) == []
