"""A program that looks up what the frame says, for the tests of bpf_fib_lookup."""

from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump

FIB_LOOKUP = 69


def lookup_program(a, flags, size=64, other_flags=None):
    """The frame begins with the parameters; they come back in it, the result's low 32 bits behind them. With
    ``other_flags``, these are taken if byte 64 is not zero."""
    out, chosen = Label(), Label()
    a.move(9, src=1)
    a.move(0, imm=2)
    a.frame(68, out)
    for offset in range(0, 64, 8):
        a.load(8, 3, 6, offset)
        a.store(8, FP, offset - 64, src=3)
    a.move(1, src=9)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-64)
    a.move(3, imm=size)
    a.move(4, imm=flags)
    if other_flags is not None:
        a.load(1, 5, 6, 64)
        a.jump(Jump.JEQ, chosen, 5, imm=0)
        a.move(4, imm=other_flags)
        a.place(chosen)
    a.call(FIB_LOOKUP)
    a.store(4, 6, 64, src=0)
    for offset in range(0, 64, 8):
        a.load(8, 3, FP, offset - 64)
        a.store(8, 6, offset, src=3)
    a.move(0, imm=2)
    a.place(out)
    a.exit()
