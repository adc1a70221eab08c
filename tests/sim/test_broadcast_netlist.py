"""Broadcasts in the generated hardware: what the host does to a map that frames are broadcast to, and what they see."""

import random

import pytest
from assembler import Assembler
from hardpath.codegen.flow import compile_program
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from hardpath.hdl.maps.linux import EBUSY, EINVAL
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Options
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler

pytestmark = pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")

REDIRECT_MAP = 51
KEYS = 6


def broadcaster():
    """Everything out of all interfaces but the one where it came in."""
    a = Assembler()
    a.map(1, "ports")
    a.move(2, imm=0)
    a.move(3, imm=8 | 16)
    a.call(REDIRECT_MAP)
    a.exit()
    return ProgramSpec("everywhere", "xdp", a.finish(), {0: "everywhere"}, license="GPL")


@pytest.mark.parametrize("kind, value_size", [(14, 4), (25, 8)])
def test_the_set_follows_the_host(tmp_path, kind, value_size):
    """Updates, moves and deletes, good and bad ones; errors leave the set as it was."""
    spec = MapSpec("ports", kind, 4, value_size, KEYS)
    program = broadcaster()
    session = Session(compile_program(ObjectSpec("everywhere.o", (program,), {"ports": spec}), program))
    seen = set()
    for seed in range(6):
        rng, model = random.Random(seed), MAP_TYPES[kind].model(spec)
        wrong = []

        def operate(bus, rng=rng, model=model, wrong=wrong):
            ports = bus.client.maps["ports"]
            for _ in range(80):
                key = rng.randrange(KEYS + 2).to_bytes(4, "little")
                port, flags = rng.choice((0, 1, 2, 3, 4, 5, 30, 31, 32, 1 << 31)), rng.choice((0, 0, 0, 0, 1, 2, 7))
                if rng.random() < 0.3:
                    status, expected = ports.delete(key), model.delete(key)
                else:
                    value = port.to_bytes(4, "little").ljust(value_size, b"\0")
                    status, expected = ports.update(key, value, flags), update(model, key, value, port, flags)
                seen.add(status)
                if status != expected or dict(ports.items()) != dict(model.items()):
                    wrong.append((key, port, flags, status, expected))

        frames = [Frame(bytes(64), ifindex=ifindex) for ifindex in (1, 2, 31, 40, 32 + 2)]
        options = Options(frames_out=tmp_path / f"{seed}.jsonl", quick=True)
        result = engine("verilator").run(session.netlist, frames, options, operate, None)
        assert not wrong
        ports = {int.from_bytes(value[:4], "little") for _, value in model.items()}
        for frame, told in zip(frames, result.results(), strict=True):
            assert (told.verdict, told.redirect) == (Verdict.REDIRECT, tuple(sorted(ports - {frame.ifindex})))
    assert {0, -EBUSY, -EINVAL} < seen


def update(model, key, value, port, flags):
    """What the host is told, and the model afterwards."""
    items = dict(model.items())
    old = int.from_bytes(items.get(key, b"")[:4], "little")
    if port >= 32:
        return -EINVAL
    if port and port != old and any(int.from_bytes(each[:4], "little") == port for each in items.values()):
        return -EBUSY
    return model.update(key, value, flags)
