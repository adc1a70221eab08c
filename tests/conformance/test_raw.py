"""What verification says of raw programs, and that nothing of it holds for XDP programs."""

from dataclasses import replace

import pytest
from assembler import Assembler
from hardpath.codegen.elf.kinds import program_type
from hardpath.codegen.isa import Alu, Atomic
from hardpath.codegen.spec import ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim import raw
from hypothesis import given
from hypothesis import strategies as st


def assemble(write, memory=0):
    a = Assembler()
    write(a)
    a.exit()
    return ProgramSpec("test", "raw", a.finish(), {0: "test"}, type="raw", memory=memory)


def meaningless(op, imm, bits):
    """An operation that C leaves undefined and RFC 9669 does not."""

    def write(a):
        a.move(0, imm=5)
        a.alu(op, 0, imm=imm, bits=bits)

    return write


@pytest.mark.parametrize(
    ("op", "imm", "bits", "result"),
    [(Alu.LSH, 33, 32, 10), (Alu.RSH, 65, 64, 2), (Alu.ARSH, 64, 64, 5), (Alu.DIV, 0, 64, 0), (Alu.MOD, 0, 32, 5)],
)
def test_constants_that_linux_refuses_are_for_raw_programs_only(op, imm, bits, result):
    program = assemble(meaningless(op, imm, bits))
    assert raw.evaluate(raw.compile_raw(program), [b""]) == [raw.interpret(program, b"")] == [result]
    with pytest.raises(VerificationError, match="instruction not allowed"):
        verify(replace(program, type="xdp"), {})


def test_an_xdp_program_has_no_memory():
    program = assemble(lambda a: a.load(1, 0, 1, 0), memory=8)
    verify(program, {})
    with pytest.raises(VerificationError, match="invalid context access"):
        verify(replace(program, type="xdp"), {})


def test_no_section_of_an_object_holds_a_raw_program():
    assert program_type("raw") == "xdp"


@pytest.mark.parametrize(("size", "offset"), [(1, -1), (1, 8), (4, 5), (8, 1)])
@pytest.mark.parametrize("kind", ["load", "store", "atomic"])
def test_accesses_outside_the_memory_are_refused(size, offset, kind):
    def write(a):
        a.move(0, imm=0)
        if kind == "load":
            a.load(size, 0, 1, offset)
        elif kind == "store":
            a.store(size, 1, offset, src=2)
        else:
            a.atomic(Atomic.ADD, max(size, 4), 1, offset, 2)

    with pytest.raises(VerificationError, match="out-of-bounds memory access"):
        verify(assemble(write, memory=8), {})


def test_the_address_of_the_memory_is_no_result():
    with pytest.raises(Refused, match="returns a pointer"):
        verify(assemble(lambda a: a.move(0, src=1), memory=8), {})


def test_r2_is_the_length_of_the_memory():
    design = raw.compile_raw(assemble(lambda a: a.move(0, src=2), memory=13))
    assert raw.evaluate(design, [bytes(13)]) == [13]


def store_and_load(a):
    """Stores r2 at a variable offset of the memory and loads from another one."""
    for register, offset in ((3, 0), (4, 1)):
        a.load(1, register, 1, offset)
        a.alu(Alu.AND, register, imm=7)
        a.alu(Alu.ADD, register, src=1)
    a.store(4, 3, 2, src=2)
    a.load(4, 0, 4, 2)


VARIABLE = assemble(store_and_load, memory=16)
VARIABLE_DESIGN = raw.compile_raw(VARIABLE)


@given(st.binary(min_size=16, max_size=16))
def test_variable_offsets_in_the_memory(memory):
    assert raw.evaluate(VARIABLE_DESIGN, [memory]) == [raw.interpret(VARIABLE, memory)]
