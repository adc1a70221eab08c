"""The reference interpreter as an XDP machine: context, frame, maps, and a trap on every illegal access."""

import pytest
from assembler import FP, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import InputError
from hardpath.hdl.helpers.get_prandom_u32 import mix
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.memory import Trap
from hardpath.sim.results import Verdict

FRAME = bytes(range(64))
ARRAY = MapSpec("array", 2, 4, 8, 2)
HASH = MapSpec("hash", 1, 4, 8, 2)
RODATA = MapSpec(".rodata", 2, 4, 8, 1, initial=bytes(range(8)), readonly=True)
MAPS = {spec.name: spec for spec in (ARRAY, HASH, RODATA)}


def ending(*steps, result=2):
    """A program of steps (functions of the assembler) that returns ``result`` (None: what r0 holds)."""

    def write(a):
        for step in steps:
            step(a)
        if result is not None:
            a.move(0, imm=result)
        a.exit()

    return write


def lookup(name, key=0):
    def write(a):
        a.store(4, FP, -4, imm=key)
        a.map(1, name)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-4)
        a.call(1)

    return write


def loaded(a):
    """r2 = data, r3 = data_end."""
    a.load(4, 2, 1, 0)
    a.load(4, 3, 1, 4)


TRAPS = {
    "read of r4, which has no value": ending(lambda a: a.move(0, src=4)),
    "read of r0, which has no value": ending(result=None),
    "outside the frame": ending(loaded, lambda a: a.load(8, 0, 2, 57)),
    "outside the frame: bytes -1": ending(loaded, lambda a: a.load(1, 0, 2, -1)),
    "through NULL": ending(lookup("hash"), lambda a: a.load(8, 1, 0, 0)),
    "outside a value of map array": ending(lookup("array"), lambda a: a.store(1, 0, 8, imm=0)),
    "outside the stack": ending(lambda a: a.store(8, FP, -516, imm=0)),
    "read-only": ending(lambda a: a.map(1, ".rodata", 0), lambda a: a.store(1, 1, 0, imm=1)),
    "write to the context": ending(lambda a: a.store(4, 1, 0, imm=1)),
    "its fields have 4 bytes": ending(lambda a: a.load(8, 0, 1, 0)),
    "which is no memory": ending(lambda a: a.map(1, "hash"), lambda a: a.load(8, 0, 1, 0)),
    "something else than a map": ending(lambda a: a.move(2, src=1), lambda a: a.call(1)),
    "helper 999": ending(lambda a: a.call(999)),
    "atomic operation on the frame": ending(
        loaded, lambda a: a.move(0, imm=1), lambda a: a.atomic(Atomic.ADD, 4, 2, 0, 0)
    ),
    "no multiple of its size": ending(
        lookup("array"), lambda a: a.move(1, imm=1), lambda a: a.atomic(Atomic.ADD, 4, 0, 2, 1)
    ),
    "past the last instruction": lambda a: a.move(0, imm=2),
    "r1, which has no value": ending(lookup("array"), lambda a: a.move(0, src=1)),
}


@pytest.mark.parametrize("message", TRAPS)
def test_illegal_access_traps_and_names_the_instruction(assemble, message):
    with pytest.raises(Trap, match=message) as trap:
        Interpreter(assemble(TRAPS[message]), MAPS).run(FRAME)
    assert trap.value.place is not None
    assert f"instruction {trap.value.place.slot} of test" in str(trap.value)


def test_a_program_that_never_ends_traps(assemble):
    def write(a):
        top = Label()
        a.place(top)
        a.jump(Jump.JA, top)

    with pytest.raises(Trap, match="no end after"):
        Interpreter(assemble(write), {}).run(FRAME)


def test_recursion_without_end_traps(assemble):
    def write(a):
        top = Label()
        a.place(top)
        a.call_local(top)
        a.exit()

    with pytest.raises(Trap, match="nested function calls"):
        Interpreter(assemble(write), {}).run(FRAME)


@pytest.mark.parametrize("field, value", [(12, 7), (16, 3)])
def test_context_fields_are_what_the_frame_came_with(assemble, field, value):
    program = assemble(ending(lambda a: a.load(4, 0, 1, field), result=None))
    assert Interpreter(program, {}).run(FRAME, ifindex=7, rx_queue=3).r0 == value


def test_data_end_less_data_is_the_length(assemble):
    def write(a):
        loaded(a)
        a.alu(Alu.SUB, 3, src=2)
        a.move(0, src=3)
        a.exit()

    assert Interpreter(assemble(write), {}).run(FRAME).r0 == len(FRAME)


def test_written_bytes_come_out_and_know_their_writer(assemble):
    program = assemble(ending(loaded, lambda a: a.store(2, 2, 12, imm=0x0008)))
    interpreter = Interpreter(program, {})
    outcome = interpreter.run(FRAME)
    assert outcome.frame == FRAME[:12] + b"\x08\0" + FRAME[14:]
    assert interpreter.frame_writer(13).slot == 2
    assert interpreter.frame_writer(14) is None


def test_the_writer_of_a_byte_is_found_after_the_head_moved(assemble):
    def write(a):
        a.move(6, src=1)
        loaded(a)
        a.store(1, 2, 20, imm=0xEE)
        a.move(2, imm=14)
        a.call(44)
        a.move(0, imm=3)
        a.exit()

    interpreter = Interpreter(assemble(write), {})
    outcome = interpreter.run(FRAME)
    assert outcome.frame[6] == 0xEE
    assert interpreter.frame_writer(6).slot == 3


def test_maps_keep_their_contents_and_know_their_writers(assemble):
    program = assemble(
        ending(lookup("array", 1), lambda a: a.move(1, imm=5), lambda a: a.atomic(Atomic.ADD, 4, 0, 4, 1))
    )
    interpreter = Interpreter(program, MAPS)
    for _ in range(3):
        interpreter.run(FRAME)
    key = (1).to_bytes(4, "little")
    assert interpreter.maps() == {"array": {bytes(4): bytes(8), key: bytes(4) + (15).to_bytes(4, "little")}}
    place, frame = interpreter.map_writer("array", key, 4)
    assert (place.slot, frame) == (len(program.instructions) - 3, 2)
    assert interpreter.map_writer("array", key, 0) is None


def test_an_update_writes_the_whole_entry(assemble):
    def write(a):
        a.store(4, FP, -4, imm=9)
        a.store(8, FP, -16, imm=77)
        a.map(1, "hash")
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-4)
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=-16)
        a.move(4, imm=0)
        a.call(2)
        a.move(0, imm=2)
        a.exit()

    interpreter = Interpreter(assemble(write), MAPS)
    interpreter.run(FRAME)
    key = (9).to_bytes(4, "little")
    assert interpreter.maps() == {"hash": {key: (77).to_bytes(8, "little")}}
    assert interpreter.map_writer("hash", key, 3)[0].instruction == "call bpf_map_update_elem"


def test_redirect_target_counts_only_with_the_verdict(assemble):
    def write(result):
        def body(a):
            a.move(1, imm=9)
            a.move(2, imm=0)
            a.call(23)
            if result is not None:
                a.move(0, imm=result)
            a.exit()

        return body

    assert Interpreter(assemble(write(None)), {}).run(FRAME).redirect == 9
    outcome = Interpreter(assemble(write(1)), {}).run(FRAME)
    assert (outcome.verdict, outcome.redirect) == (Verdict.DROP, None)
    assert outcome.result(4).out is None


def test_time_and_random_numbers_are_functions_of_the_frame(assemble):
    def write(a):
        for register in (6, 7):
            a.call(7)
            a.move(register, src=0)
        a.alu(Alu.SUB, 6, src=7)
        a.call(5)
        a.alu(Alu.ADD, 0, src=6)
        a.exit()

    interpreter = Interpreter(assemble(write), {})
    for index in range(3):  # frames are counted
        expected = (mix(index, 0) - mix(index, 1) + 1000) % (1 << 64)
        assert interpreter.run(FRAME, time_ns=1000).r0 == expected


@pytest.mark.parametrize(
    "name, key, value, message",
    [
        ("array", bytes(4), bytes(7), "values of 8 bytes"),
        ("array", b"\xff" * 4, bytes(8), "does not take"),
        ("hash", bytes(4), bytes(8), "uses no map hash"),
    ],
)
def test_wrong_map_contents_are_one_clear_line(assemble, name, key, value, message):
    interpreter = Interpreter(assemble(ending(lookup("array"))), MAPS)
    with pytest.raises(InputError, match=message):
        interpreter.set_map(name, key, value)


def test_an_unknown_map_type_is_named(assemble):
    with pytest.raises(InputError, match="type 9999"):
        Interpreter(assemble(ending(lookup("array"))), {"array": MapSpec("array", 9999, 4, 8, 2)})
