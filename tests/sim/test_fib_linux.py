"""bpf_fib_lookup and bpf_check_mtu: interpreter and graph against the running kernel, on random tables."""

import random
import struct
from collections import Counter
from contextlib import contextmanager

import pytest
from agreement import trio
from assembler import CTX, FP, Label
from fib_lookup_program import lookup_program
from fib_tables import random_lookup, random_tables
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import build
from hardpath.codegen.isa import Alu
from hardpath.codegen.spec import ObjectSpec
from hardpath.codegen.tables import helper_tables
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.hdl.helpers import fib
from hardpath.hdl.helpers.fib import Device, Result
from hardpath.sim.captures import Frame
from hardpath.sim.linux import available
from hardpath.sim.session import Session

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

CHECK_MTU = 163
DIRECT, OUTPUT, SKIP_NEIGH, TBID, SRC, MARK = (1 << bit for bit in range(6))


@contextmanager
def same(program, contents):
    """What a frame is afterwards, whoever ran the program."""
    tables = helper_tables([program])
    with trio(program, tables) as three:
        three.fill({name: contents[name] for name in tables})
        yield lambda frame, ifindex=1: three.run(frame, ifindex).frame


def results_of(program, name, tables):
    """What the program's lookups in so many random tables give, on which all agree, with byte 64 of their frames, which
    is 0 and 1 in turns."""
    for seed in range(tables):
        rng = random.Random(f"{name} {seed}")
        contents, addresses = random_tables(rng)
        with same(program, contents) as run:
            for number in range(120):
                out = run(random_lookup(rng, contents, addresses) + bytes([number % 2, 0, 0, 0]))
                yield number % 2, struct.unpack_from("<i", out, 64)[0]


@pytest.mark.parametrize("flags", [0, DIRECT, OUTPUT, SKIP_NEIGH, DIRECT | SKIP_NEIGH, DIRECT | OUTPUT, MARK | TBID])
def test_lookups_are_the_kernels(assemble, flags):
    """All results that lookups in tables have, on many tables."""
    results = Counter(result for _, result in results_of(assemble(lambda a: lookup_program(a, flags)), flags, 16))
    found = {Result(result) for result in results if result >= 0}
    assert found == set(Result) - {Result.UNSUPP_LWT} - ({Result.NO_NEIGH} if flags & SKIP_NEIGH else set())
    assert {-19, -97} < results.keys()
    assert results[Result.SUCCESS] > 40, results


@pytest.mark.parametrize("flags, other", [(DIRECT, SKIP_NEIGH), (DIRECT, OUTPUT | SKIP_NEIGH), (0, 64)])
def test_flags_may_be_chosen_by_the_program(assemble, flags, other):
    results = set(results_of(assemble(lambda a: lookup_program(a, flags, other_flags=other)), flags, 4))
    assert (0, Result.NO_NEIGH) in results
    assert (1, Result.NO_NEIGH) not in results and (1, Result.SUCCESS if other & SKIP_NEIGH else -22) in results


@pytest.mark.parametrize("flags, size", [(0, 63), (64, 64), (-(1 << 31), 64)])
def test_wrong_arguments_are_the_kernels(assemble, flags, size):
    program = assemble(lambda a: lookup_program(a, flags, size))
    contents, addresses = random_tables(random.Random(1))
    with same(program, contents) as run:
        out = run(random_lookup(random.Random(2), contents, addresses) + bytes(4))
    assert struct.unpack_from("<i", out, 64) == (-22,)


@pytest.mark.parametrize("flags, name", [(SRC, "SRC"), (OUTPUT | SRC, "SRC"), (DIRECT | TBID, "TBID")])
def test_flags_that_tables_cannot_answer_are_refused(assemble, flags, name):
    program = assemble(lambda a: lookup_program(a, flags))
    with pytest.raises(Refused, match=f"BPF_FIB_LOOKUP_{name}"):
        build(verify(program, helper_tables([program])))


def ipv4_program(a):
    """What it looks up is IPv4, whatever the frame."""
    a.move(2, imm=0)
    for offset in range(-64, 0, 8):
        a.store(8, FP, offset, src=2)
    a.move(2, imm=2)
    a.store(1, FP, -64, src=2)
    a.load(4, 2, CTX, 12)
    a.store(4, FP, -56, src=2)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-64)
    a.move(3, imm=64)
    a.move(4, imm=0)
    a.call(69)
    a.exit()


def test_tables_that_a_program_cannot_reach_are_no_hardware(assemble):
    program = assemble(ipv4_program)
    tables = helper_tables([program])
    design = compile_program(ObjectSpec("ipv4.o", (program,), tables), program)
    assert set(tables) - set(design.maps) == {"fib.ipv4_output", "fib.ipv6", "fib.ipv6_local"}
    contents, _ = random_tables(random.Random(3))
    frames = [Frame(bytes(64), ifindex=1)]
    session = Session(design, contents)
    assert session.graph(frames).results == session.interpreter(frames).results == session.linux(frames).results


def mtu_program(a, ifindex, flags):
    """The frame begins with mtu_len and len_diff; mtu_len and the result come back in it."""
    out = Label()
    a.move(9, src=1)
    a.move(0, imm=2)
    a.frame(14, out)
    a.load(4, 3, 6, 0)
    a.store(4, FP, -8, src=3)
    a.load(4, 4, 6, 4)
    a.move(1, src=9)
    a.move(2, imm=ifindex)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-8)
    a.move(5, imm=flags)
    a.call(CHECK_MTU)
    a.store(4, 6, 4, src=0)
    a.load(4, 3, FP, -8)
    a.store(4, 6, 0, src=3)
    a.move(0, imm=2)
    a.place(out)
    a.exit()


@pytest.mark.parametrize("ifindex, flags", [(0, 0), (1, 0), (2, 0), (3, 0), (99, 0), (2, 1)])
def test_check_mtu_is_the_kernels(assemble, ifindex, flags):
    program = assemble(lambda a: mtu_program(a, ifindex, flags))
    rng = random.Random(f"{ifindex} {flags}")
    mtus = {1: 1000, 2: 300, 3: 1500}
    contents = {"fib.devices": {fib.device_key(number): Device(mtu).pack() for number, mtu in mtus.items()}}
    results = Counter()
    with same(program, contents) as run:
        for _ in range(150):
            given = rng.choice((0, 0, 299, 300, 301, 1000, 1500, 1501, rng.getrandbits(32)))
            difference = rng.choice((0, 1, -1, 14, -14, 700, -700, rng.getrandbits(31)))
            frame = struct.pack("<Ii", given, difference) + bytes(rng.choice((6, 306, 307, 1006, 1007, 1500)))
            out = run(frame, rng.choice((1, 2, 3)))
            results[struct.unpack_from("<i", out, 4)[0]] += 1
    assert results.keys() == ({-22} if flags else {-19} if ifindex == 99 else {0, 1})
