"""``hardpath nic``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hardpath.sim.captures import read_capture
from hardpath.sim.toolchain import has_compiler

DATA = Path(__file__).parents[1] / "nic_model" / "data"
Hardpath = Callable[..., Any]
SCENARIO = f"""
object: {DATA / "sorter.o"}
program: sorter
duration: 50us
ports:
  - speed: 10G
    rx-queue: 2KiB
    traffic:
      - frames: random
        rate: 100%
  - speed: 1G
"""


@pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")
def test_what_a_scenario_leaves_behind(hardpath: Hardpath, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    answer = hardpath("nic", "run", tmp_path / "s.yaml", "-o", tmp_path / "out", "-j")
    assert answer.status == 0, answer.err
    result = answer.json
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    frames = [json.loads(line) for line in (tmp_path / "out" / "frames.jsonl").read_text().splitlines()]
    assert len(frames) == result["ports"]["eth0"]["line_packets"] > 20
    for name, port in result["ports"].items():
        for direction, counter in (("tx", "tx_packets"), ("host", "host_packets")):
            path = tmp_path / "out" / f"{direction}-{name}.pcapng"
            captured = list(read_capture(path)) if path.exists() else []
            assert len(captured) == port["statistics"][counter]
            mine = [frame for frame in frames if frame["to"] == f"{direction} {name}"]
            assert [frame.data.hex() for frame in captured] == [frame["data"] for frame in mine]
    (entry,) = json.loads((tmp_path / "out" / "maps.json").read_text())[".bss"]
    assert int.from_bytes(bytes.fromhex(entry["value"]), "little") == sum(result["verdicts"].values())
    text = hardpath("nic", "run", tmp_path / "s.yaml")
    assert f"{result['ports']['eth0']['line_packets']}" in text.out and "Latency in ns" in text.out


def test_what_cannot_be_run_is_one_line(hardpath: Hardpath, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("10G", "11G"))
    answer = hardpath("nic", "run", tmp_path / "s.yaml")
    assert answer.status == 2
    assert answer.err.count("\n") == 1 and "ports[0]: speed: there is no Ethernet at '11G'" in answer.err
    assert hardpath("nic", "run", tmp_path / "s.yaml", "-o", tmp_path / "s.yaml").status == 2
    assert hardpath("nic").status == 2


def test_what_is_not_up_is_named(hardpath: Hardpath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hardpath.cli import nic

    monkeypatch.setattr(nic, "RUN", tmp_path)
    for words, message in (
        (("down",), "none is up: hardpath nic up begins one"),
        (("down", "wire7"), "no NIC wire7 is up"),
        (("show", "--control", tmp_path / "c.sock"), "no NIC c is up"),
    ):
        answer = hardpath("nic", *words)
        assert (answer.status, answer.err) == (2, f"hardpath: {message}\n")
    (tmp_path / "a.sock").touch()
    (tmp_path / "b.sock").touch()
    assert "several are up: name one of a, b" in hardpath("nic", "down").err
    assert hardpath("nic", "down", "wire7").err == "hardpath: no NIC wire7 is up; these are: a, b\n"


@pytest.mark.parametrize("taps, message", [
    (("w=x", "h"), "'x' is no ifindex: give NAME=NUMBER"),
    (("w=", "h"), "'' is no ifindex: give NAME=NUMBER"),
    (("=1", "h"), "'1' is no ifindex: give NAME=NUMBER"),
    (("w=" + "9" * 5000, "h"), "is no ifindex: give NAME=NUMBER"),
    (("w=0", "h"), "--tap w=0: there is no ifindex 0: give one from 1 to"),
    (("w=4294967296", "h"), "there is no ifindex 4294967296"),
    (("v=2", "w", "h"), "two ports have ifindex 2"),
    (("a", "b=2"), "--tap b=2: the last device is the host's interface, which has no ifindex"),
])  # fmt: skip
def test_wrong_devices_are_named_before_anything_else(
    hardpath: Hardpath, taps: tuple[str, ...], message: str
) -> None:
    answer = hardpath("nic", "up", "none.o", *(word for tap in taps for word in ("--tap", tap)))
    assert answer.status == 2 and message in answer.err and answer.err.count("\n") == 1
