"""Routes on the command line: written by ``hardpath fib``, taken by ``--fib``; what is wrong with them in one line."""

from __future__ import annotations

import json
import shutil

import pytest
from hardpath.hdl.errors import InputError
from hardpath.hdl.helpers import fib
from hardpath.hdl.helpers.fib import Device
from hardpath.sim.fib import load_fib
from hardpath.sim.linux import available
from hardpath.sim.network import Network


@pytest.mark.linux
@pytest.mark.skipif(available() is not None, reason=str(available()))
@pytest.mark.skipif(shutil.which("ip") is None, reason="ip is missing: apt install iproute2")
def test_what_fib_writes_can_be_read(hardpath, tmp_path):
    path = tmp_path / "fib.json"
    with Network() as network:
        network.interface(7, Device(1400, forwards4=True))
        answer = hardpath("fib", "-o", path, "-j")
    assert answer.status == 0, answer.err
    contents = load_fib(path)
    assert Device.unpack(contents["fib.devices"][fib.device_key(7)]) == Device(1400, 14, True, False)
    assert answer.json["entries"] == {name: len(entries) for name, entries in contents.items()}


@pytest.mark.parametrize("text, says", [
    ("{", "is no JSON"),
    ("[]", "make it with hardpath fib"),
    ('{"addr": []}', "make it with hardpath fib"),
])  # fmt: skip
def test_wrong_files_are_named(hardpath, example, tmp_path, text, says):
    path = tmp_path / "fib.json"
    path.write_text(text)
    answer = hardpath("run", example("forward") / "forward.o", "--data-in", "00" * 60, "--fib", path)
    assert answer.status == 2
    assert str(path) in answer.err and says in answer.err and answer.err.count("\n") == 1


def test_routes_come_from_one_file(hardpath, example, tmp_path):
    maps = tmp_path / "maps.json"
    maps.write_text(json.dumps({"fib.ipv4": []}))
    folder = example("forward")
    answer = hardpath(
        "run", folder / "forward.o", "--data-in", "00" * 60, "--maps", maps, "--fib", folder / "fib.json"
    )
    assert answer.status == 2 and "fib.ipv4 come from --maps and from --fib" in answer.err


def test_tables_can_be_made_larger_and_say_so(hardpath, example):
    folder = example("forward")
    answer = hardpath(
        "inspect", folder / "forward.o", "--map-size", "fib.ipv4=4096", "-j"
    )
    assert {each["name"]: each["max_entries"] for each in answer.json["maps"]}["fib.ipv4"] == 4096


@pytest.mark.linux
@pytest.mark.skipif(available() is not None, reason=str(available()))
def test_tables_that_linux_cannot_have_are_told():
    """What the oracle is given must be a network."""
    route = fib.Route(0, 9, mtu=1500)
    with Network() as network:
        network.set("fib.devices", fib.device_key(1), Device(65536).pack())
        network.set("fib.ipv4", fib.route_key(bytes(4), 0), route.pack())
        with pytest.raises(InputError, match=r"interface 9, which fib\.devices lacks"):
            network.build()
    with Network() as network:
        network.set("fib.devices", fib.device_key(2), Device(1500).pack())
        with pytest.raises(InputError, match="loopback"):
            network.build()
    with Network() as network, pytest.raises(InputError, match="Ethernet"):
        network.set("fib.devices", fib.device_key(2), Device(1500, 0).pack())
