"""What `ip -j` says becomes tables: they answer as the Linux does that said it; what they cannot hold is refused."""

import ipaddress
import json
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from fib_lookup_program import lookup_program
from fib_tables import LOOKUP
from hardpath.codegen.isa import encode
from hardpath.codegen.tables import helper_tables
from hardpath.hdl.errors import InputError
from hardpath.hdl.helpers.fib import Result
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.compare import fill
from hardpath.sim.fib import collect, load_fib, parse_fib
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import available
from hardpath.sim.network import Network

SETUP = """
addr flush dev lo
addr add 127.0.0.1/8 dev lo
link add e0 index 2 type veth peer name p0 index 102
link add e1 index 3 mtu 1400 type veth peer name p1 index 103
link add e2 index 4 mtu 1000 type veth peer name p2 index 104
link set e0 address 02:00:00:00:01:02
link set e0 up
link set p0 up
link set e1 up
link set p1 up
link set e2 up
link set p2 up
addr add 192.168.2.1/24 dev e0
addr add 192.168.3.1/24 dev e1
addr add 10.9.0.1/32 dev e2
addr add 2001:db8:2::1/64 dev e0 nodad
addr add 2001:db8:3::1/64 dev e1 nodad
route add default via 192.168.2.254 metric 9
route add default dev e2 metric 10
route add 10.1.0.0/16 via 192.168.3.2 mtu lock 1300 metric 7
route add 10.2.0.0/16 via 192.168.3.2 mtu 1200
route add blackhole 10.3.0.0/16
route add unreachable 10.3.1.0/24
route add prohibit 10.3.2.0/24
route add throw 10.3.3.0/24
route add unreachable 10.3.4.0/24 metric 5
route add 10.3.4.0/24 dev e0 metric 6
route add 10.5.0.0/24 via inet6 fe80::9 dev e0
route add 10.5.1.0/24 via inet6 fe80::a dev e0
route add 192.168.2.1/32 dev e1
route add table 77 10.6.0.0/16 dev e1
route add 10.7.0.0/16 dev e0 metric 1
route add 10.7.0.0/16 via 192.168.3.2 metric 2
route add 10.7.1.0/24 dev e1
route add 2001:db8:a::/48 dev e0 metric 10
route add 2001:db8:a::/48 dev e1 metric 20
route add 2001:db8:a:1::/64 dev e1
route add blackhole 2001:db8:9::/48
route add prohibit 2001:db8:9:1::/64
route add unreachable 2001:db8:9:2::/64
route add ::/0 via fe80::5 dev e1
route add 2001:db8:7::/48 via fe80::5 dev e1 mtu lock 1280
route add 2001:db8:8::/48 via fe80::6 dev e0 mtu 1290
neigh add 192.168.2.254 lladdr 02:00:00:00:00:09 dev e0
neigh add 192.168.3.2 lladdr 02:00:00:00:00:07 dev e1 nud stale
neigh add 192.168.3.9 lladdr 02:00:00:00:00:06 dev e1 nud failed
neigh add 192.168.3.8 lladdr 02:00:00:00:00:05 dev e1 nud reachable
neigh add fe80::9 lladdr 02:00:00:00:00:09 dev e0
neigh add fe80::5 lladdr 02:00:00:00:00:08 dev e1 nud reachable
neigh add 2001:db8:2::9 lladdr 02:00:00:00:00:0a dev e0
"""
ADDRESSES = """
10.1.0.1 10.2.0.1 10.3.0.1 10.3.1.1 10.3.2.1 10.3.3.1 10.3.4.1 10.5.0.1 10.5.1.1 10.6.0.1 10.7.0.1 10.7.1.1
10.9.0.1 127.0.0.1 127.1.2.3
192.168.2.1 192.168.2.0 192.168.2.255 192.168.2.254 192.168.2.7 192.168.3.1 192.168.3.2 192.168.3.8 192.168.3.9 8.8.8.8
224.0.0.1 255.255.255.255 0.0.0.0 240.0.0.1 2001:db8:2::1 2001:db8:2:: 2001:db8:2::9 2001:db8:2::8 2001:db8:3::1
2001:db8:3::7 2001:db8:7::1 2001:db8:8::1 2001:db8:9::1 2001:db8:9:1::1 2001:db8:9:2::1 2001:db8:a::1 2001:db8:a:1::1
2a00::1 ::1 :: fe80::5 ff02::1
"""

MISSING = available() or ("ip is missing: apt install iproute2" if shutil.which("ip") is None else None)
linux = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def machine():
    """A namespace with routes of all kinds, in which the test runs."""
    with Network():
        subprocess.run(["ip", "-batch", "-"], input=SETUP, text=True, check=True)
        for family in ("ipv4", "ipv6"):
            for name in ("lo", "e0", "e1"):
                Path(f"/proc/sys/net/{family}/conf/{name}/forwarding").write_text("1")
        yield


@pytest.mark.linux
@linux
@pytest.mark.parametrize("flags", [0, 1, 2, 3, 4, 5, 6])
def test_tables_answer_as_the_linux_that_they_are_from(assemble, machine, flags):
    program = assemble(lambda a: lookup_program(a, flags))
    interpreter = Interpreter(program, helper_tables([program]))
    fill(interpreter, parse_fib(json.loads(json.dumps(collect()))))
    run = bpf.TestRun(bpf.prog_load(encode(program.instructions), "test", "GPL"))
    rng = random.Random(flags)
    results = Counter()
    for target in ADDRESSES.split():
        for ifindex in (1, 2, 3, 4, 9):
            for length in (0, 1201, 1281, 1301, 1401, 1501):
                frame = lookup(rng, target, ifindex, length)
                expected, found = run(frame)[2], interpreter.run(frame).frame
                assert found.hex() == expected.hex(), (target, ifindex, length)
                results[expected[64]] += 1
    assert {Result(result) for result in results if result < 16} == set(Result) - {Result.UNSUPP_LWT} - (
        {Result.NO_NEIGH} if flags & 4 else set()
    )


def lookup(rng, target, ifindex, length):
    """A frame for `lookup_program`."""
    address = ipaddress.ip_address(target).packed
    family = 2 if len(address) == 4 else 10
    source = bytes.fromhex("20010db8") + bytes(11) + b"\2"
    return LOOKUP.pack(
        family, 6, 1, 2, length, ifindex, bytes(4), source, address.ljust(16, b"\xaa"), 3, 4, bytes(6), rng.randbytes(6)
    ) + bytes(4)


DOCUMENT = {
    "addr": [{"ifindex": 2, "ifname": "e0", "mtu": 1500, "link_type": "ether", "address": "02:00:00:00:00:01"}],
    "route4": [{"dst": "10.0.0.0/8", "dev": "e0"}],
    "route6": [{"dst": "2001:db8::/32", "dev": "e0", "metric": 1024}],
    "neigh": [],
    "netconf": [],
    "rule4": [{"src": "all", "table": name} for name in ("local", "main", "default")],
    "rule6": [{"src": "all", "table": name} for name in ("local", "main")],
}
EXTRA_RULES = [
    {"src": "10.0.0.0", "table": "main"},
    {"src": "all", "action": "prohibit"},
    {"src": "all", "action": "blackhole"},
    {"src": "all"},
    {"src": "all", "table": "main", "suppress_prefixlen": 0},
    {"src": "all", "table": "main", "iif": "e0"},
    {"src": "all", "table": "main", "fwmark": "0x1"},
    {"src": "all", "table": "main", "not": None},
]
TWICE = [*DOCUMENT["route6"], {"dst": "2001:db8::/32", "dev": "e0", "metric": 1024}]


@pytest.mark.parametrize("change, reason", [
    ({"route4": [{"dst": "10.0.0.0/8", "nexthops": []}]}, "several next hops"),
    ({"route4": [{"dst": "10.0.0.0/8", "dev": "e0", "tos": "0x10"}]}, "type of service"),
    ({"route4": [{"dst": "10.0.0.0/8", "dev": "e0", "encap": "mpls"}]}, "encapsulation"),
    ({"route4": [{"dst": "10.0.0.0/8", "dev": "e0", "table": "default"}]}, "table default"),
    ({"route4": [{"dst": "10.0.0.0/8", "dev": "e7"}]}, "e7"),
    ({"route4": [{"dst": "10.0.0.1/8", "dev": "e0"}]}, "host bits"),
    ({"route6": TWICE}, "several routes to 2001:db8::/32"),
    ({"route6": [{"dst": "2001:db8::/32", "dev": "e0", "table": "local"}]}, "table local"),
    *(({"rule4": [*DOCUMENT["rule4"], rule]}, "routing rules") for rule in EXTRA_RULES),
    ({"rule4": DOCUMENT["rule4"][::-1]}, "routing rules"),
    ({"rule6": DOCUMENT["rule6"][:1]}, "routing rules"),
    ({"rule6": []}, "routing rules"),
    ({"addr": 7}, "not what ip -j prints"),
])  # fmt: skip
def test_what_tables_cannot_hold_is_refused(change, reason):
    known = [{**rule, "priority": 3, "protocol": "kernel"} for rule in DOCUMENT["rule4"]]
    assert parse_fib(DOCUMENT)["fib.ipv4"] == parse_fib({**DOCUMENT, "rule4": known})["fib.ipv4"] != {}
    with pytest.raises(InputError, match=reason):
        parse_fib({**DOCUMENT, **change})


@pytest.mark.parametrize("text", ["[]", "{}", "{", "\udcff"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "fib.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"fib\.json"):
        load_fib(path)
