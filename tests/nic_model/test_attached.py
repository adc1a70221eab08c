"""Real traffic through the simulated hardware, between network namespaces of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hardpath.hdl.errors import InputError
from hardpath.nic_model.control_socket import SocketTransport
from hardpath.nic_model.tap import Tap
from hardpath.sim.toolchain import has_compiler

EXAMPLES = Path(__file__).parents[2] / "examples"
HARDPATH = [sys.executable, "-m", "hardpath.cli.main"]
TAG = f"h{os.getpid() % 100_000}"  # makes names of namespaces and interfaces our own
SIZE = 200_000  # bytes of a TCP transfer, each way
START_S, END_S = 300, 20


def impossible() -> str | None:
    """Why this machine cannot do it."""
    if os.geteuid() != 0:
        return "TAP devices and namespaces need root"
    if shutil.which("ip") is None:
        return "there is no command ip: apt install iproute2"
    if not has_compiler():
        return "a C++ compiler is missing: apt install g++"
    try:
        with Tap(f"{TAG}x"):
            pass
    except InputError as error:
        return str(error)
    made = subprocess.run(["ip", "netns", "add", TAG], capture_output=True, text=True, check=False)
    inside = subprocess.run(["ip", "netns", "exec", TAG, "true"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", TAG], capture_output=True, check=False)
    return made.stderr.strip() or inside.stderr.strip() or None


REASON = impossible()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def sh(*command: str, status: int = 0, timeout: float = 60) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == status, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def needed(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"there is no command {tool}")


class Lab:
    """Namespaces, and NICs that are up. Everything goes at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cleanup = contextlib.ExitStack()

    def namespace(self, name: str) -> str:
        full = f"{TAG}{name}"
        sh("ip", "netns", "add", full)
        self._cleanup.callback(subprocess.run, ["ip", "netns", "del", full], capture_output=True, check=False)
        self.within(full, "ip", "link", "set", "lo", "up")
        # What the machine says by itself would make counters depend on the time.
        for which in ("all", "default"):
            switch = f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6"
            self.within(full, "sh", "-c", f"if [ -e {switch} ]; then echo 1 > {switch}; fi")
        return full

    def within(self, namespace: str, *command: str, status: int = 0, timeout: float = 60) -> str:
        return sh("ip", "netns", "exec", namespace, *command, status=status, timeout=timeout)

    def up(self, *arguments: object) -> Nic:
        nic = Nic([str(argument) for argument in arguments], self._folder)
        self._cleanup.callback(nic.kill)
        return nic

    def move(self, interface: str, namespace: str, *addresses: str) -> None:
        """An interface into a namespace, up, with addresses and without IPv6."""
        sh("ip", "link", "set", interface, "netns", namespace)
        for address in addresses:
            self.within(namespace, "ip", "address", "add", address, "dev", interface)
        self.within(namespace, "ip", "link", "set", interface, "up")

    def hub(self, wire: str, *peers: tuple[str, str]) -> dict[str, str]:
        """A line with stations and the NIC on it: what a station sends reaches the NIC alone, what the NIC sends
        reaches all stations. ``peers``: namespace and address of each; their hardware addresses."""
        middle = self.namespace("m")
        made = subprocess.run(
            ["ip", "-n", middle, "link", "add", "hub", "type", "bridge"], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"this kernel makes no bridges: {made.stderr.strip()}")
        self.within(middle, "ip", "link", "set", "hub", "up")
        self.move(wire, middle)
        self.within(middle, "ip", "link", "set", wire, "master", "hub")
        self.within(middle, "bridge", "link", "set", "dev", wire, "learning", "off")
        found = {}
        for number, (namespace, address) in enumerate(peers):
            here, there = f"{TAG}p{number}", f"{TAG}q{number}"
            sh("ip", "link", "add", here, "type", "veth", "peer", "name", there)
            self.move(here, middle)
            self.within(middle, "ip", "link", "set", here, "master", "hub")
            self.within(middle, "bridge", "link", "set", "dev", here, "learning", "off", "isolated", "on")
            self.move(there, namespace, address)
            (link,) = json.loads(self.within(namespace, "ip", "-j", "link", "show", there))
            found[namespace] = link["address"]
        for number, (namespace, _) in enumerate(peers):
            interface = f"{TAG}q{number}"
            self.within(namespace, "ip", "route", "add", "default", "dev", interface)
        return found

    def neighbour(self, namespace: str, number: int, address: str, hardware: str) -> None:
        interface = f"{TAG}q{number}"
        self.within(namespace, "ip", "neigh", "add", address, "lladdr", hardware, "dev", interface, "nud", "permanent")

    def close(self) -> None:
        self._cleanup.close()


class Nic:
    """``hardpath nic up`` in the background; ready when this returns."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.control = folder / "control.sock"
        command = [*HARDPATH, "nic", "up", *arguments, "--control", str(self.control), "--json"]
        self._scratch = folder / "scratch"
        self._scratch.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self._scratch)},
            start_new_session=True,  # so that a Ctrl-C meets all of it and nothing else
        )
        assert self._process.stderr is not None
        self.said = self._process.stderr.readline() + self._process.stderr.readline()
        assert " is up: " in self.said, self.said + self._process.stderr.read()

    def ask(self, *words: str) -> Any:
        """What another terminal would get."""
        return json.loads(sh(*HARDPATH, *words[:1], "--control", str(self.control), "-j", *words[1:]))

    def statistics(self) -> dict[str, dict[str, int]]:
        shown = json.loads(sh(*HARDPATH, "nic", "show", "--control", str(self.control), "-j"))
        return {name: port["statistics"] for name, port in shown["ports"].items()}

    def settle(self) -> None:
        """Wait until no frame has come between two looks."""
        with contextlib.closing(SocketTransport(self.control)) as transport:
            before, now = None, transport.ask("statistics")
            while now != before:
                time.sleep(0.1)
                before, now = now, transport.ask("statistics")

    def down(self) -> dict[str, Any]:
        """End it; what it says then."""
        sh(*HARDPATH, "nic", "down", "--control", str(self.control))
        return self._ended()

    def interrupt(self) -> dict[str, Any]:
        """End it as Ctrl-C does; what it says then."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._ended()

    def _ended(self) -> dict[str, Any]:
        out, _ = self._process.communicate(timeout=END_S)
        assert self._process.returncode == 0
        assert not self.control.exists() and not self.litter()
        found: dict[str, Any] = json.loads(out)
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def litter(self) -> list[Path]:
        """What it has left behind among temporary files."""
        return list(self._scratch.iterdir())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    try:
        yield made
    finally:
        made.close()


BOTH_ENDS = """
import fcntl, hashlib, random, socket, sys, termios, time
address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def receive(connection):
    got = b""
    while len(got) < size:
        chunk = connection.recv(size - len(got))
        assert chunk, (len(got), size)
        got += chunk
    return got
def acknowledged(connection):
    while int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
        time.sleep(0.01)
"""
SERVER = f"""{BOTH_ENDS}
with socket.create_server((address, port)) as server:
    print("listening", flush=True)
    connection, _ = server.accept()
with connection:
    connection.settimeout(120)
    got = receive(connection)
    connection.sendall(got[::-1])
    acknowledged(connection)
    print(hashlib.sha256(got).hexdigest(), flush=True)
    assert connection.recv(1) == b""
"""
CLIENT = f"""{BOTH_ENDS}
data = random.Random(1).randbytes(size)
with socket.create_connection((address, port), timeout=120) as connection:
    connection.sendall(data)
    assert receive(connection) == data[::-1]
    acknowledged(connection)
    print(hashlib.sha256(data).hexdigest(), flush=True)
    sys.stdin.read()
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""
"""
KNOCK = """
import socket, sys
try:
    socket.create_connection(("10.0.0.7", 22), timeout=1)
except TimeoutError:
    sys.exit(7)
"""


@contextlib.contextmanager
def transfer(lab: Lab, nic: Nic, server: tuple[str, str, int], client: tuple[str, str, int]) -> Iterator[None]:
    """Send `SIZE` bytes over TCP and get them back reversed; (namespace, address, port) of both ends' views.

    Inside, the connection is open, everything is acknowledged and nothing is on its way: what is counted stays. How a
    connection ends depends on the time: if a FIN is sent twice because the machine is slow, the second one's
    acknowledgement finds no socket any more, and the answer is a reset.
    """
    with contextlib.ExitStack() as stack:

        def python(namespace: str, script: str, address: str, port: int) -> subprocess.Popen[str]:
            command = ["ip", "netns", "exec", namespace, sys.executable, "-c", script, address, str(port), str(SIZE)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        listener = python(server[0], SERVER, *server[1:])
        assert listener.stdout is not None and listener.stdout.readline() == "listening\n"
        sender = python(client[0], CLIENT, *client[1:])
        assert sender.stdout is not None
        assert len(sent := sender.stdout.readline()) == 65 and listener.stdout.readline() == sent
        nic.settle()
        yield
        for process in (sender, listener):
            process.communicate(timeout=120)
            assert process.returncode == 0


def browse(lab: Lab, server: str, client: str, folder: Path) -> str:
    """Fetch a file with curl through the NAT example; what tcpdump has seen of it on the client's side."""
    content = random.Random(2).randbytes(SIZE)
    (folder / "file").write_bytes(content)
    within = ("ip", "netns", "exec")
    serve = (sys.executable, "-u", "-m", "http.server", "--bind", "10.0.0.80", "--directory", str(folder), "8080")
    watch = ("tcpdump", "-i", f"{TAG}q0", "-n", "-l", "-c", "80", "tcp")
    with (
        subprocess.Popen(
            [*within, server, *serve], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as site,
        subprocess.Popen(
            [*within, client, *watch], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watcher,
    ):
        try:
            assert site.stdout is not None and site.stdout.readline().startswith("Serving HTTP on ")
            assert watcher.stdout is not None and watcher.stderr is not None
            while "listening on" not in watcher.stderr.readline():
                assert watcher.poll() is None
            fetched = folder / "fetched"
            lab.within(
                client, "curl", "-s", "--max-time", "120", "-o", str(fetched), "http://192.0.2.80/file", timeout=150
            )
            assert fetched.read_bytes() == content
            return watcher.stdout.read()
        finally:
            site.kill()
            watcher.kill()


def test_ping_arping_and_maps_through_the_hardware(lab: Lab) -> None:
    needed("ping")
    wire, host = f"{TAG}w", f"{TAG}h"
    nic = lab.up(EXAMPLES / "nat" / "nat.o", "--maps", EXAMPLES / "nat" / "maps.json", "--tap", wire, "--tap", host)
    assert f"{wire} is port 1, {host} is the host" in nic.said
    outside, inside = lab.namespace("a"), lab.namespace("b")
    lab.move(wire, outside, "10.9.0.1/24")
    lab.move(host, inside, "10.9.0.2/24")
    assert " 0% packet loss" in lab.within(outside, "ping", "-c", "5", "-i", "0.05", "-W", "5", "10.9.0.2")
    assert " 0% packet loss" in lab.within(inside, "ping", "-c", "3", "-i", "0.05", "-s", "1400", "-W", "5", "10.9.0.1")
    if shutil.which("arping"):
        answered = lab.within(outside, "arping", "-c", "2", "-w", "10", "-I", wire, "10.9.0.2")
        assert "Received 2 response" in answered or "2 packets received" in answered  # iputils' arping, or Habets'
    counts = nic.statistics()[wire]
    # Two times five and three echoes, and as many ARP frames as the machines wanted.
    assert counts["rx_xdp_pass"] == counts["rx_packets"] == counts["host_packets"] >= 8
    assert counts["tx_packets"] == counts["tx_host_packets"] >= 8
    assert counts["rx_dropped"] == counts["tx_dropped"] == 0
    # The maps can be seen and changed from another terminal.
    assert len(nic.ask("map", "dump", "name", "rewrites")) == 4
    key = ("key", "hex", "c0", "00", "02", "50", "00", "50", "06", "00")
    sh(*HARDPATH, "map", "--control", str(nic.control), "delete", "name", "rewrites", *key)
    assert len(nic.ask("map", "dump", "name", "rewrites")) == 3
    last = nic.down()
    assert last["ports"][wire]["statistics"]["rx_packets"] >= counts["rx_packets"]
    assert not nic.control.exists()
    assert wire not in lab.within(outside, "ip", "link") and host not in lab.within(inside, "ip", "link")


def test_tcp_through_the_nat_example(lab: Lab, tmp_path: Path) -> None:
    wire = f"{TAG}w"
    nic = lab.up(EXAMPLES / "nat" / "nat.o", "--maps", EXAMPLES / "nat" / "maps.json", "--tap", wire)
    client, server = lab.namespace("a"), lab.namespace("b")
    hardware = lab.hub(wire, (client, "198.51.100.7/32"), (server, "10.0.0.80/32"))
    lab.neighbour(client, 0, "192.0.2.80", hardware[server])
    lab.neighbour(server, 1, "198.51.100.7", hardware[client])
    with transfer(lab, nic, (server, "10.0.0.80", 8080), (client, "192.0.2.80", 80)):
        counts = nic.statistics()[wire]
        rewritten = [entry["formatted"]["value"]["frames"] for entry in nic.ask("map", "dump", "name", "rewrites")]
    assert counts["rx_xdp_tx"] == counts["tx_packets"] > 2 * SIZE // 1500
    assert sum(rewritten) == counts["rx_xdp_tx"] and sorted(rewritten)[:2] == [0, 0]
    if shutil.which("curl") and shutil.which("tcpdump"):
        seen = browse(lab, server, client, tmp_path)
        # On the hub all see what the NIC sends: frames before and behind the hardware.
        assert re.search(r"198\.51\.100\.7\.\d+ > 192\.0\.2\.80\.80: Flags \[S\]", seen)
        assert re.search(r"198\.51\.100\.7\.\d+ > 10\.0\.0\.80\.8080: Flags \[S\]", seen)
        assert re.search(r"192\.0\.2\.80\.80 > 198\.51\.100\.7\.\d+: Flags \[S\.\]", seen)


def firewall(lab: Lab, wire: str) -> tuple[Nic, str, str]:
    """The firewall example, and namespaces of 10.0.0.7 inside and 198.51.100.9 outside of it."""
    nic = lab.up(EXAMPLES / "firewall" / "firewall.o", "--tap", wire)
    inside, outside = lab.namespace("a"), lab.namespace("b")
    hardware = lab.hub(wire, (inside, "10.0.0.7/32"), (outside, "198.51.100.9/32"))
    lab.neighbour(inside, 0, "198.51.100.9", hardware[outside])
    lab.neighbour(outside, 1, "10.0.0.7", hardware[inside])
    return nic, inside, outside


def test_tcp_through_the_firewall_example(lab: Lab) -> None:
    wire = f"{TAG}w"
    nic, inside, outside = firewall(lab, wire)
    with transfer(lab, nic, (outside, "198.51.100.9", 5001), (inside, "198.51.100.9", 5001)):
        (flow,) = nic.ask("map", "dump", "name", "flows")
        counts = nic.statistics()[wire]
        assert flow["formatted"]["value"]["frames"] == counts["rx_xdp_tx"] > 2 * SIZE // 1500
        # Nobody gets in from outside. Only what is neither TCP nor UDP has been dropped before, such as IGMP.
        lab.within(outside, sys.executable, "-c", KNOCK, status=7)
        later = nic.statistics()[wire]
        assert later["rx_xdp_drop"] > counts["rx_xdp_drop"] and later["rx_xdp_tx"] == counts["rx_xdp_tx"]
        assert len(nic.ask("map", "dump", "name", "flows")) == 1
    assert nic.interrupt()["ports"][wire]["statistics"]["rx_xdp_tx"] >= later["rx_xdp_tx"]
    assert wire not in lab.within(f"{TAG}m", "ip", "link")


def test_iperf3_through_the_firewall_example(lab: Lab) -> None:
    needed("iperf3")
    nic, inside, outside = firewall(lab, f"{TAG}w")

    def iperf3(port: int, *arguments: str) -> dict[str, Any]:
        """A test of its own server; what the client tells at the end."""
        place = ("198.51.100.9", "--port", str(port))
        serve = ("ip", "netns", "exec", outside, "iperf3", "--server", "--one-off", "--forceflush", "--bind", *place)
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                while "Server listening on" not in (line := server.stdout.readline()):
                    assert line, "the server ended"
                told = lab.within(inside, "iperf3", "--json", "--client", *place, *arguments, timeout=120)
            finally:
                server.kill()
        end: dict[str, Any] = json.loads(told)["end"]
        return end

    volume = ("--bytes", str(SIZE))
    assert iperf3(5001, *volume)["sum_sent"]["bytes"] >= SIZE
    assert iperf3(5002, *volume, "--reverse")["sum_received"]["bytes"] >= SIZE
    datagrams = (*volume, "--udp", "--length", "1000", "--bitrate", "4M")
    sent = {5003: iperf3(5003, *datagrams)["sum"], 5004: iperf3(5004, *datagrams, "--reverse")["sum"]}
    nic.settle()
    flows = [entry["formatted"] for entry in nic.ask("map", "dump", "name", "flows")]
    udp = {
        socket.ntohs(flow["key"]["outside_port"]): flow["value"]["frames"]
        for flow in flows
        if flow["key"]["protocol"] == socket.IPPROTO_UDP
    }
    assert udp.keys() == sent.keys()
    # One datagram each way opens the flow.
    assert udp[5003] == sent[5003]["packets"] + 2 and udp[5004] >= sent[5004]["packets"] + 2 > SIZE // 1000


def test_what_the_host_sends_can_have_a_program_of_its_own(lab: Lab) -> None:
    needed("ping")
    wire, host = f"{TAG}w", f"{TAG}h"
    drop = EXAMPLES / "drop" / "drop.o"
    nic = lab.up(EXAMPLES / "nat" / "nat.o", "--tap", wire, "--tap", host, "--host-program", drop)
    outside, inside = lab.namespace("a"), lab.namespace("b")
    lab.move(wire, outside, "10.9.0.1/24")
    lab.move(host, inside, "10.9.0.2/24")
    lab.within(outside, "ping", "-c", "2", "-i", "0.05", "-W", "1", "10.9.0.2", status=1)
    counts = nic.statistics()[wire]
    assert counts["host_packets"] >= 1 and counts["tx_packets"] == 0
    last = nic.down()
    assert last["host_verdicts"]["XDP_DROP"] == last["ports"][wire]["statistics"]["tx_dropped"] >= 1


def test_a_crash_leaves_nothing_that_is_in_the_way(lab: Lab) -> None:
    wire = f"{TAG}w"
    arguments = (EXAMPLES / "drop" / "drop.o", "--tap", wire)
    nic = lab.up(*arguments)
    with pytest.raises(InputError, match=f"there is an interface {wire} already"):
        Tap(wire)
    nic.kill()
    until = time.monotonic() + END_S
    while wire in sh("ip", "link") and time.monotonic() < until:
        time.sleep(0.05)
    assert wire not in sh("ip", "link")
    assert nic.control.exists() and not nic.litter()
    again = lab.up(*arguments)
    again.kill()
    done = subprocess.run(
        [*HARDPATH, "nic", "down", "--control", str(nic.control)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "has ended by itself; its socket is taken away now" in done.stderr
    assert not nic.control.exists()


def test_names_that_no_interface_can_have_are_refused() -> None:
    for name in ("", "a/b", "x" * 16, "."):
        with pytest.raises(InputError, match="cannot be the name of an interface"):
            Tap(name)
