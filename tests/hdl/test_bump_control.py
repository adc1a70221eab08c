"""A whole device in the wire, reached as its user does: ``hardpath`` over a serial line and over Ethernet."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess

import bump_native
import pytest
from bump_native import EXAMPLES, PERIOD_PS, designs, hardpath
from hardpath.hdl.bump import Bump
from hardpath.hdl.mac.port import PortShape
from hardpath.nic_model.hardware import on_serial_line

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")
pytestmark = pytest.mark.slow

BAUD = bump_native.PATIENT_BAUD
NAMES = ("redirect_map", "port_filter")
INTERFACE = "hptest0"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
ALL = bytes.fromhex("ffffffffffff")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    made = designs(*((EXAMPLES / name / f"{name}.o",) for name in NAMES))
    datapaths = [design.stamped_datapath for design in made]
    bump = Bump(datapaths, PortShape(), 1e12 / PERIOD_PS, baud=bump_native.BAUD)
    return bump_native.build(bench.Bench(bump))


@pytest.fixture
def device(program):
    """Socket to port 0, path of the serial line; port 1 is the interface, where there may be one."""
    network, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", INTERFACE.encode(), IFF_TAP | IFF_NO_PI))
        subprocess.run(["ip", "link", "set", INTERFACE, "addrgenmode", "none"], check=True)
        subprocess.run(["ip", "link", "set", INTERFACE, "multicast", "off", "up"], check=True)
    except OSError:
        tap = -1
    network.settimeout(20)
    with bump_native.serial_line() as (uart, line):
        files = (uart, inside.fileno(), tap)
        with bump_native.running(program, *files, files=files):
            yield network, line, tap >= 0
    if tap >= 0:
        os.close(tap)


def number(value):
    return list(value.to_bytes(4, "little"))


def test_a_host_fills_maps_and_reads_counters_over_both_ways(device):
    network, line, has_tap = device
    uart = ("--uart", line, "--baud", BAUD)
    ways = [uart, *([("--ethernet", INTERFACE)] if has_tap else [])]
    shown = [hardpath("map", *way, "show") for way in ways]
    assert "devmap" in shown[0] and "max_entries 64" in shown[0] and len(set(shown)) == 1

    # Nothing in the map: XDP_DROP. Then port 0 is patched to itself, then to port 1.
    frame = ALL + bytes(6) + b"\x08\0" + b"first".ljust(46, b"\0")
    network.send(frame)
    hardpath("map", *uart, "update", "name", "patches", "key", *number(1), "value", *number(1))
    network.send(frame.replace(b"first", b"again"))
    while (got := network.recv(2000))[12:14] != frame[12:14]:
        pass  # Linux has something to say on a new interface
    assert got == frame.replace(b"first", b"again")
    dumps = [hardpath("map", *way, "dump", "name", "patches") for way in ways]
    assert len(set(dumps)) == 1 and "key: 01 00 00 00  value: 01 00 00 00" in dumps[0]

    counted = [json.loads(hardpath("-j", "stats", *way)) for way in reversed(ways)][-1]
    (forth, back), (port_0, _) = counted["programs"], counted["ports"]
    assert forth["program"] == "redirect_map" and back["program"] == "port_filter"
    assert forth["counters"]["verdict_drop"] == 1 and forth["counters"]["verdict_redirect"] == 1
    assert port_0["rx_good"] == 2 and port_0["tx_good"] >= 1 and port_0["unreachable"] == 0
    text = hardpath("map", *uart, "--object", EXAMPLES / "redirect_map" / "redirect_map.o", "dump", "name", "received")
    assert '"value": 2' in text

    hardpath("map", *uart, "update", "name", "patches", "key", *number(1), "value", *number(9))
    network.send(frame)
    with on_serial_line(line, BAUD) as hardware:
        assert hardware.ports()[0]["unreachable"] == 1
        assert hardware.direction(0).maps["patches"].lookup(1) is not None
    hardpath("stats", *uart, "--clear")
    again = json.loads(hardpath("-j", "stats", *uart, "--direction", 0))["programs"][0]["counters"]
    assert again["frames_received"] == 0


def test_there_is_no_way_from_the_network_unless_it_is_opened(device):
    network, line, _ = device
    asked = bytes.fromhex("024850544800") + bytes(6) + b"\x88\xb5\x01\0" + bytes(42)
    network.send(asked)
    with on_serial_line(line, BAUD) as hardware:
        assert hardware.direction(0).client.counters()["frames_received"] == 1, "a frame like any other"
