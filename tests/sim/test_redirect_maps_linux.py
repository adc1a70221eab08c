"""bpf_redirect_map and lookups in redirect maps: interpreter and graph against the running kernel."""

import os
import random
import socket
from contextlib import contextmanager

import pytest
from agreement import trio
from assembler import FP, Label
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import InputError, Refused, VerificationError
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available, kernel_verdict
from syscalls import errno_of

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

DEVMAP, CPUMAP, XSKMAP, DEVMAP_HASH = 14, 16, 17, 25
LOOKUP, UPDATE, REDIRECT, REDIRECT_MAP = 1, 2, 23, 51
SPECS = [
    MapSpec("m", DEVMAP, 4, 4, 5),
    MapSpec("m", DEVMAP, 4, 8, 1),
    MapSpec("m", DEVMAP_HASH, 4, 4, 5),
    MapSpec("m", DEVMAP_HASH, 4, 8, 3),
    MapSpec("m", CPUMAP, 4, 4, min(2, os.cpu_count() or 1)),
    MapSpec("m", CPUMAP, 4, 8, min(2, os.cpu_count() or 1)),
    MapSpec("m", XSKMAP, 4, 4, 4),
]
TARGET_IS_VALUE = (DEVMAP, DEVMAP_HASH)
LOOKUPS = (DEVMAP, DEVMAP_HASH, XSKMAP)


def name(spec):
    return f"{MAP_TYPES[spec.type].name}-{spec.value_size}-{spec.max_entries}"


def call_redirect_map(a, flags_known):
    """Key and flags come from the frame; the target that bpf_redirect chose before it is 77."""
    out = Label()
    a.move(0, imm=2)
    a.frame(16, out)
    a.move(1, imm=77)
    a.move(2, imm=0)
    a.call(REDIRECT)
    a.map(1, "m")
    a.load(8, 2, 6, 0)
    a.load(8, 3, 6, 8)
    if flags_known is not None:
        a.move(3, imm=flags_known)
    a.call(REDIRECT_MAP)
    a.place(out)
    a.exit()


def filled(spec, rng):
    """Entries that Linux takes on any machine."""
    interfaces = rng.sample(range(1, 32), spec.max_entries)
    any_key = spec.type == DEVMAP_HASH
    keys = [rng.getrandbits(32) if any_key else index for index in range(spec.max_entries)]
    value = {CPUMAP: lambda: rng.randint(1, 64), XSKMAP: lambda: rng.getrandbits(31) | 1}
    values = value.get(spec.type, interfaces.pop)
    taken = [key for key in keys if rng.random() < 0.7] or [keys[0]]
    return {key.to_bytes(4, "little"): values().to_bytes(spec.value_size, "little") for key in taken}


@contextmanager
def same(program, spec, contents):
    """Verdict and target of a frame, in which all agree who know them."""
    with trio(program, {"m": spec}) as three:
        assert three.graph.models.keys() == {"m"}
        three.fill({"m": contents})

        def run(frame, ifindex=1):
            outcome = three.run(frame, ifindex)
            return outcome.verdict, outcome.redirect

        yield run


def flag_cases():
    for spec in SPECS:
        for flags in (None, 0, 2, 3, 16, 19, 32):
            yield pytest.param(spec, flags, id=f"{name(spec)}-{flags}")


@pytest.mark.parametrize("spec, flags_known", list(flag_cases()))
def test_redirect_map_is_the_kernels(assemble, spec, flags_known):
    """Present and missing entries, keys beyond 32 bits, all kinds of flags."""
    program = assemble(lambda a: call_redirect_map(a, flags_known))
    rng = random.Random(f"{spec} {flags_known}")
    contents = filled(spec, rng)
    keys = [*(int.from_bytes(key, "little") for key in contents), *range(spec.max_entries + 2), 1 << 31]
    seen = set()
    with same(program, spec, contents) as run:
        for _ in range(200):
            key = rng.choice(keys) | rng.choice((0, 0, 0, rng.getrandbits(32) << 32))
            flags = rng.choice((0, 1, 2, 3, 0, 1, 2, 3, 4, 16, 32, 1 << 40, (1 << 64) - 1))
            frame = key.to_bytes(8, "little") + flags.to_bytes(8, "little") + bytes(20)
            verdict, target = run(frame)
            seen.add(verdict)
            if verdict == 4:
                stored = contents[(key & 0xFFFFFFFF).to_bytes(4, "little")]
                expected = int.from_bytes(stored[:4], "little") if spec.type in TARGET_IS_VALUE else key & 0xFFFFFFFF
                assert target == expected
    known_wrong = flags_known == 32 or (flags_known in (16, 19) and spec.type not in TARGET_IS_VALUE)
    assert seen == {0} if known_wrong else 4 in seen


@pytest.mark.parametrize("spec", [s for s in SPECS if s.type in LOOKUPS], ids=name)
def test_lookup_in_a_redirect_map_is_the_kernels(assemble, spec):
    readable = MAP_TYPES[spec.type].values_readable

    def program(a):
        """Writes what it finds over the frame."""
        out, missing = Label(), Label()
        a.frame(16, out)
        a.load(4, 3, 6, 0)
        a.store(4, FP, -4, src=3)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-4)
        a.map(1, "m")
        a.call(LOOKUP)
        a.jump(Jump.JEQ, missing, 0, imm=0)
        a.store(1, 6, 4, imm=1)
        if readable:
            for offset in range(0, spec.value_size, 4):
                a.load(4, 1, 0, offset)
                a.store(4, 6, 8 + offset, src=1)
        a.place(missing)
        a.place(out)
        a.move(0, imm=2)
        a.exit()

    rng = random.Random(str(spec))
    contents = filled(spec, rng)
    assembled = assemble(program)
    keys = [*(int.from_bytes(key, "little") for key in contents), *range(spec.max_entries + 2), 1 << 31]
    with same(assembled, spec, contents) as run:
        for key in keys:
            run(key.to_bytes(4, "little") + bytes(40))


@pytest.mark.parametrize("spec", [s for s in SPECS if s.type != XSKMAP], ids=name)
def test_host_changes_are_the_kernels(request, spec):
    """What bpf(2) says to updates and deletes of redirect maps, and which entries are there afterwards."""
    model, rng = MAP_TYPES[spec.type].model(spec), random.Random(str(spec))
    interfaces = [index for index, _ in socket.if_nameindex()]
    words = [0, *interfaces, *([16384, 16385, 1 << 31] if spec.type == CPUMAP else [])]
    keys = [*range(spec.max_entries + 2), 1 << 31]
    fd = bpf.map_create(spec.type, 4, spec.value_size, spec.max_entries, 0, "m")
    request.addfinalizer(lambda: os.close(fd))

    for _ in range(400):
        key = rng.choice(keys).to_bytes(4, "little")
        value = rng.choice(words).to_bytes(4, "little")
        value += rng.choice((0, 0, 0xFFFFFFFF)).to_bytes(4, "little") if spec.value_size == 8 else b""
        flags = rng.choice((0, 0, 0, 1, 2, 3, 4))
        if rng.random() < 0.3:
            assert errno_of(bpf.map_delete, fd, key) == model.delete(key)
        else:
            assert errno_of(bpf.map_update, fd, key, value, flags) == model.update(key, value, flags)
        for each in keys:
            each = each.to_bytes(4, "little")
            handle = model.lookup(each)
            assert bpf.map_lookup(fd, each, spec.value_size) == (None if handle is None else bytes(model.value(handle)))


def broken(helper, flags=0):
    """Uses of a redirect map that are not allowed."""

    def write(a):
        a.store(8, FP, -8, imm=0)
        a.store(8, FP, -16, imm=0)
        a.map(1, "m")
        if helper == REDIRECT_MAP:
            a.move(2, imm=0)
            a.move(3, imm=flags)
        else:
            for register, offset in ((2, -8), (3, -16)):
                a.move(register, src=FP)
                a.alu(Alu.ADD, register, imm=offset)
            a.move(4, imm=0)
        a.call(helper)
        a.move(0, imm=2)
        a.exit()

    return write


@pytest.mark.parametrize(
    "kind, helper, other",
    [(DEVMAP, UPDATE, "hash"), (CPUMAP, LOOKUP, "devmap"), (1, REDIRECT_MAP, "devmap, devmap_hash")],
)
def test_helpers_that_a_map_type_does_not_allow_are_rejected_as_in_linux(assemble, kind, helper, other):
    spec = MapSpec("m", kind, 4, 4, 4)
    program = assemble(broken(helper))
    assert not kernel_verdict(program, {"m": spec})[0]
    with pytest.raises(VerificationError) as error:
        verify(program, {"m": spec})
    assert f"type {MAP_TYPES[kind].name}" in error.value.reason
    assert other in error.value.suggestion


def reading(spec, store):
    def write(a):
        missing = Label()
        a.store(8, FP, -8, imm=0)
        a.map(1, "m")
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-8)
        a.call(LOOKUP)
        a.jump(Jump.JEQ, missing, 0, imm=0)
        if store:
            a.store(4, 0, 0, imm=1)
        else:
            a.load(4, 1, 0, 0)
        a.place(missing)
        a.move(0, imm=2)
        a.exit()

    return write


def test_a_write_to_a_devmap_value_is_rejected_as_in_linux(assemble):
    spec = MapSpec("m", DEVMAP, 4, 4, 4)
    program = assemble(reading(spec, True))
    assert not kernel_verdict(program, {"m": spec})[0]
    with pytest.raises(VerificationError, match="read-only"):
        verify(program, {"m": spec})


def test_fields_of_a_socket_are_refused(assemble):
    spec = MapSpec("m", XSKMAP, 4, 4, 4)
    program = assemble(reading(spec, False))
    assert kernel_verdict(program, {"m": spec})[0]
    with pytest.raises(Refused, match="kernel object"):
        verify(program, {"m": spec})


@pytest.mark.parametrize("flags, ingress", [(8, 1), (24, 1), (24, 3), (8, 3), (27, 2), (24, 32 + 3)])
@pytest.mark.parametrize("kind", [DEVMAP, DEVMAP_HASH])
def test_broadcasts_go_to_all_entries(assemble, kind, flags, ingress):
    """Whatever the index; Linux says XDP_REDIRECT, and where to is compared with what it sends elsewhere."""
    spec = MapSpec("m", kind, 4, 4, 6)
    program = assemble(lambda a: call_redirect_map(a, flags))
    contents = {key.to_bytes(4, "little"): port.to_bytes(4, "little") for key, port in ((0, 3), (2, 1), (5, 31))}
    expected = tuple(port for port in (1, 3, 31) if not flags & 16 or port != ingress)
    with same(program, spec, contents) as run:
        for key in (0, 1, 77):
            frame = key.to_bytes(8, "little") + bytes(56)
            assert run(frame, ingress) == (4, expected)


def test_a_broadcast_and_what_comes_after_it(assemble):
    """The last call counts, also one that finds nothing."""
    spec = MapSpec("m", DEVMAP, 4, 4, 4)

    def write(a):
        end = Label()
        a.move(0, imm=2)
        a.frame(16, end)
        for flags in (8, 1):
            a.load(1, 7, 6, 1)
            skip = Label()
            a.jump(Jump.JEQ, skip, 7, imm=flags)
            a.map(1, "m")
            a.load(1, 2, 6, 0)
            a.move(3, imm=flags)
            a.call(REDIRECT_MAP)
            a.place(skip)
        a.move(0, imm=4)
        a.place(end)
        a.exit()

    program = assemble(write)
    contents = {bytes(4): (5).to_bytes(4, "little"), b"\2\0\0\0": (6).to_bytes(4, "little")}
    with same(program, spec, contents) as run:
        found = {(index, skip): run(bytes((index, skip)) + bytes(62))[1] for index in (0, 1) for skip in (0, 1, 8)}
    assert found == {(0, 0): 5, (0, 1): (5, 6), (0, 8): 5, (1, 0): 0, (1, 1): (5, 6), (1, 8): 0}


def test_interfaces_that_a_set_cannot_hold_are_refused(assemble):
    spec = MapSpec("m", DEVMAP, 4, 4, 4)
    program = assemble(lambda a: call_redirect_map(a, 8))
    graph = build(verify(program, {"m": spec}))
    for entries in ({0: 32}, {0: 4, 1: 4}):
        evaluator = Evaluator(graph, {"m": spec})
        for key, port in entries.items():
            assert evaluator.models["m"].update(key.to_bytes(4, "little"), port.to_bytes(4, "little"), 0) == 0
        with pytest.raises(Refused, match="twice"):
            evaluator.run(bytes(64))


@pytest.mark.parametrize("flags, ingress", [(8, 2), (24, 2), (24, 3), (0, 2)])
@pytest.mark.parametrize("kind", [DEVMAP, DEVMAP_HASH])
def test_linux_sends_copies_to_the_same_interfaces(assemble, kind, flags, ingress):
    """Frames that really leave: counted at the other ends."""
    spec = MapSpec("m", kind, 4, 4, 6)
    program = assemble(lambda a: call_redirect_map(a, flags))
    ports = {0: 3, 2: 2, 5: 4}
    interpreter = Interpreter(program, {"m": spec})
    with LinuxOracle(program, {"m": spec}) as linux:
        for key, port in ports.items():
            linux.set_map("m", key.to_bytes(4, "little"), port.to_bytes(4, "little"))
            interpreter.set_map("m", key.to_bytes(4, "little"), port.to_bytes(4, "little"))
        frame = bytes(64)
        sent = linux.send(frame, ifindex=ingress, count=20)
        found = interpreter.run(frame, ifindex=ingress).redirect
    targets = found if isinstance(found, tuple) else (found,)
    assert sent == dict.fromkeys(targets, 20)


def test_without_a_network_of_its_own_the_program_runs_where_it_is(assemble, monkeypatch):
    monkeypatch.setattr("hardpath.sim.linux.network_unavailable", lambda: "not here")
    spec = MapSpec("m", DEVMAP, 4, 4, 4)
    with LinuxOracle(assemble(lambda a: call_redirect_map(a, 1)), {"m": spec}) as linux:
        linux.set_map("m", bytes(4), (1).to_bytes(4, "little"))
        assert linux.run(bytes(64)).verdict == 4
        with pytest.raises(InputError, match="ingress_ifindex 1 only"):
            linux.run(bytes(64), ifindex=3)
