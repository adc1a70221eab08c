"""Which bytes of the stack, and which numbers, later instructions need."""

from __future__ import annotations

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.codegen.verify.flow import Flow
from hardpath.codegen.verify.stack_liveness import ALL, REGISTERS, StackLiveness
from hardpath.hdl.helpers.registry import HELPERS

LOOKUP, RANDOM = 1, 7
MAPS = {"hash": MapSpec("hash", 1, 12, 16, 16), "array": MapSpec("array", 2, 4, 16, 16)}


def passed(i, slot):
    return sum(1 << r for r in range(1, len(HELPERS[i.imm].args) + 1)) if i.is_helper_call else 0b111110


def analysed(write, entry=0) -> StackLiveness:
    a = Assembler()
    write(a)
    code = a.finish()
    flow = Flow(code, entry, len(code), passed)
    return StackLiveness(code, flow.successors, entry, passed, HELPERS, MAPS)


def stack_bytes(low: int, high: int) -> int:
    """The set of bytes [low, high) of the frame."""
    return sum(1 << 512 + byte for byte in range(low, high))


def registers(found: int) -> set[int]:
    return {r for r in range(11) if found >> REGISTERS + r & 1}


def test_bytes_are_live_from_a_store_to_the_last_load():
    def write(a):
        a.store(8, FP, -8, imm=1)  # 0
        a.store(4, FP, -16, imm=1)  # 1
        a.load(4, 2, FP, -8)  # 2
        a.move(0, imm=2)  # 3
        a.exit()

    live = analysed(write).live
    assert live[0] == 0
    assert live[1] == live[2] == stack_bytes(-8, -4)
    assert live[3] == 0


def test_an_iterator_is_live_from_its_beginning_to_its_end():
    def write(a):
        for function in ("new", "next", "destroy"):  # 0 to 4, 5 to 7, 8 to 10
            a.move(1, src=FP)
            a.alu(Alu.ADD, 1, imm=-16)
            if function == "new":
                a.move(2, imm=0)
                a.move(3, imm=4)
            a.call_kernel(f"bpf_iter_num_{function}")
        a.move(0, imm=2)
        a.exit()

    found = analysed(write)
    whole = stack_bytes(-16, -8)
    assert [slot for slot, live in sorted(found.live.items()) if live == whole] == list(range(5, 11))
    assert found.live[0] == found.live[4] == found.live[11] == 0
    assert found.decisive[7] & ALL == whole
    assert registers(found.decisive[4]) >= {2, 3}


def test_the_number_of_an_iterator_is_read_through_its_pointer():
    def write(a):
        a.move(1, src=FP)
        a.alu(Alu.ADD, 1, imm=-16)
        a.call_kernel("bpf_iter_num_next")  # 2
        a.load(4, 2, 0, 0)  # 3
        a.move(0, imm=2)
        a.exit()

    live = analysed(write).live
    assert live[3] == stack_bytes(-16, -12)
    assert live[2] == stack_bytes(-16, -8)
    assert live[4] == 0


def test_a_key_is_live_as_far_as_the_map_reads():
    def write(a):
        a.map(1, "hash")  # 0, 1
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-24)
        a.call(LOOKUP)  # 4
        a.move(0, imm=2)
        a.exit()

    found = analysed(write)
    assert found.live[0] == stack_bytes(-24, -12)
    assert found.decisive[0] & ALL == 0  # whether a hash has the key is found out at run time


def test_a_key_of_an_array_decides_whether_there_is_an_entry():
    def write(a):
        a.map(1, "array")
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-4)
        a.call(LOOKUP)
        a.move(0, imm=2)
        a.exit()

    assert analysed(write).decisive[0] & stack_bytes(-4, 0) == stack_bytes(-4, 0)


def test_a_pointer_at_a_variable_place_reads_everything():
    def write(a):
        a.call(RANDOM)  # 0
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, src=0)
        a.load(1, 0, 2, -64)  # 3
        a.exit()

    found = analysed(write)
    assert found.live[0] == ALL
    assert found.live[4] == 0


def test_a_pointer_that_was_spilled_is_known_again():
    def write(a):
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-32)
        a.store(8, FP, -8, src=2)  # 2
        a.load(8, 3, FP, -8)  # 3
        a.load(8, 4, 3, 0)  # 4
        a.move(0, imm=2)
        a.exit()

    found = analysed(write)
    assert found.live[4] == stack_bytes(-32, -24)
    assert found.live[0] == stack_bytes(-32, -24)


def test_a_place_with_several_pointers_may_hold_any():
    def write(a):
        other = Label()
        a.call(RANDOM)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-32)
        a.jump(Jump.JEQ, other, 0, imm=0)
        a.alu(Alu.ADD, 2, imm=8)
        a.place(other)
        a.store(8, FP, -8, src=2)  # 5
        a.load(8, 3, FP, -8)
        a.load(8, 4, 3, 0)  # 7
        a.move(0, imm=2)
        a.exit()

    assert analysed(write).live[7] == ALL


def test_numbers_decide_by_way_of_the_stack_and_of_others():
    def write(a):
        out = Label()
        a.call(RANDOM)  # 0
        a.move(6, src=0)  # 1
        a.alu(Alu.AND, 6, imm=7)  # 2
        a.store(8, FP, -8, src=6)  # 3
        a.store(8, FP, -16, src=0)  # 4: only copied
        a.load(8, 7, FP, -8)  # 5
        a.move(0, imm=2)  # 6
        a.jump(Jump.JGT, out, 7, imm=3)  # 7
        a.load(8, 8, FP, -16)  # 8
        a.store(8, FP, -24, src=8)  # 9
        a.load(8, 9, FP, -24)  # 10: loaded and forgotten
        a.place(out)
        a.exit()

    decisive = analysed(write).decisive
    assert registers(decisive[1]) == {0}
    assert registers(decisive[3]) == {6}
    assert decisive[5] == stack_bytes(-8, 0)
    assert registers(decisive[7]) == {0, 7}
    assert registers(decisive[9]) == {0}


def test_what_a_function_stores_elsewhere_may_decide_in_its_caller():
    def write(a):
        for _ in range(2):  # the main program, and a function
            a.load(8, 3, 1, 0)
            a.store(8, CTX, 8, src=3)
            a.move(0, imm=0)
            a.exit()

    assert registers(analysed(write, entry=4).decisive[5]) == {3}
