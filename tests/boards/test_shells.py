"""Programs in the shells of other people's NICs: `shell_tests.py` says what happens between models of AXI."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
import shell_bench
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program
from hardpath.hdl.registers import RegisterMap
from hardpath.hdl.target import Target
from hardpath.hdl.verdicts import interfaces_of
from hardpath.sim.captures import Frame
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session

pytest.importorskip("cocotbext.axi", reason="the models of AXI are missing: install the extra `test`")
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="install iverilog")

ORDERS = Path(__file__).parent / "data" / "orders.o"
MAX_FRAME = 512
SHORTEST = {"opennic": 60}
BROADCAST = 7  # of the orders below


def word(number: int) -> bytes:
    return number.to_bytes(4, "little", signed=number < 0)


def contents() -> dict[str, dict[bytes, bytes]]:
    """Every verdict with and without a moved front; redirects to each port, to none, and to all."""
    redirects = [1, 2, 9, 0]
    plain = [(Verdict.PASS, 0), (Verdict.TX, 0), (Verdict.DROP, 0), (Verdict.ABORTED, 0)]
    orders = [*plain, *((Verdict.REDIRECT, target) for target in redirects)]
    lines = [word(int(v)) + word(t) + word(0) for v, t in orders]
    lines += [word(int(v)) + word(t) + word(move) for move in (-8, 4) for v, t in (orders[0], orders[1], orders[4])]
    everyone = {word(i): word(i + 1) for i in range(3)}
    return {"orders": {word(i): line for i, line in enumerate(lines)}, "everyone": everyone}


def traffic(count: int, ports: int, seed: int) -> list[tuple[int, bytes, bool]]:
    """Port, bytes, whether it is broken; now and then a runt or a frame that is too long."""
    own = random.Random(seed)
    order = [*range(16), BROADCAST, BROADCAST, BROADCAST]
    sizes = [14, 15, 60, 63, 64, 65, 128, 10, MAX_FRAME, MAX_FRAME + 1]
    return [
        (
            own.randrange(ports),
            bytes([own.choice(order)]) + own.randbytes(own.choice([*sizes, own.randint(14, 200)]) - 1),
            own.random() < 0.1,
        )
        for _ in range(count)
    ]


def settings(design, shell, ports, frames, maps, pause):
    """What the simulator is told; the interpreter says what is right."""
    good = [(port, data) for port, data, bad in frames if not bad and 14 <= len(data) <= MAX_FRAME]
    record = Session(design, maps).interpreter([Frame(data, ifindex=port + 1) for port, data in good])
    results = iter(record.results)
    told, counts = [], Counter()
    for port, data, bad in frames:
        entry = {"port": port, "data": data.hex(), "bad": bad, "to": []}
        told.append(entry)
        if bad or len(data) < 14 or len(data) > MAX_FRAME:
            counts["dropped_error" if bad else "dropped_runt" if len(data) < 14 else "dropped_oversize"] += 1
            continue
        counts["frames_received"] += 1
        result = next(results)
        counts[f"verdict_{result.verdict.name.lower()}"] += 1
        if result.out is not None:
            entry |= where(shell, port, ports, result)
            counts["unreachable"] += not entry["to"]
    unreachable = counts.pop("unreachable", 0)
    return {
        "shell": shell,
        "ports": ports,
        "width": design.target.width,
        "pause": pause,
        "from_host": len(frames) // 3,
        "frames": told,
        "maps": {name: [(k.hex(), v.hex()) for k, v in entries.items()] for name, entries in maps.items()},
        "seen": {key.hex(): value.hex() for key, value in record.maps["seen"].items()},
        "counters": dict(counts),
        "unreachable": unreachable,
        "digest": design.digest.hex(),
        "registers": {name: RegisterMap().address(name) for name in ("magic", "map_index", "map_flags")},
    }


def where(shell, port, ports, result):
    """Sinks, bytes and what the `axis` shell says, of a frame that the program sends."""
    verdict, target = int(result.verdict), result.redirect or 0
    several = isinstance(target, tuple)
    out = result.out
    if shell == "axis":
        redirected = "elsewhere" if several or not 0 < target < 255 else target - 1
        dest = {Verdict.PASS: "host", Verdict.TX: port}.get(result.verdict, redirected)
        number = sum(1 << each for each in target) if several else target
        assert interfaces_of(number) == target or not several
        verdict = 5 if several else verdict
        return {"to": [("to_host", 0)], "out": out.hex(), "dest": dest, "verdict": verdict, "redirect": number}
    if result.verdict == Verdict.PASS:
        return {"to": [("to_host", port)], "out": out.hex()}
    targets = [port + 1] if result.verdict == Verdict.TX else target if several else [target]
    out = out.ljust(SHORTEST.get(shell, 0), b"\0")
    return {"to": [("to_net", each - 1) for each in targets if 1 <= each <= ports], "out": out.hex()}


CASES = {
    "axis-64": ("axis", 8, 1, 60),
    "axis-512": ("axis", 64, 1, 40),
    "corundum-64-three-ports": ("corundum", 8, 3, 60),
    "opennic": ("opennic", 64, 1, 30),
}


@pytest.fixture(scope="module")
def designs():
    """By width."""
    made = {}

    def design(width):
        if width not in made:
            spec = load(ORDERS)
            target = Target(clock_mhz=250, width=width, max_frame=MAX_FRAME)
            made[width] = compile_program(spec, select(spec), target)
        return made[width]

    return design


@needs_icarus
@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow) if c == "axis-512" else c for c in CASES])
def test_frames_and_control_bus(case, designs, tmp_path):
    shell, width, ports, count = CASES[case]
    design, maps = designs(width), contents()
    shell_bench.build(tmp_path, design, shell, ports)
    lines = 3 if shell == "axis" else ports
    frames = traffic(count, lines, seed=width + ports)
    if shell == "opennic":
        frames = [(port, data, False) for port, data, _ in frames]  # the shell before has dropped them
    told = settings(design, shell, ports, frames, maps, 0.6)
    assert told["counters"]["frames_received"] > count // 2
    sides = ["sizes_and_ports_come_with_every_beat"] if shell == "opennic" else []
    shell_bench.run(tmp_path, told, "frames_go_where_the_program_says", "axi_lite_is_exact", *sides)
