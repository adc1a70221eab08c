"""Verification of bpf_strncmp: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import FP, Assembler
from hardpath.codegen.isa import Alu
from verify_programs import CASES, RANDOM, Write

STRNCMP = 182


def compare(map_name: str, offset: int, size: int = 8) -> Write:
    """Eight bytes of stack with the string at an offset of global data."""

    def write(a: Assembler) -> None:
        a.store(8, FP, -8, imm=0)
        a.move(1, src=FP)
        a.alu(Alu.ADD, 1, imm=-8)
        a.move(2, imm=size)
        a.map(3, map_name, offset)
        a.call(STRNCMP)
        a.alu(Alu.AND, 0, imm=1)
        a.exit()

    return write


def variable(a: Assembler) -> None:
    a.store(8, FP, -8, imm=0)
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=1)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-8)
    a.move(2, imm=8)
    a.map(3, "text", 0)
    a.alu(Alu.ADD, 3, src=0)
    a.call(STRNCMP)
    a.exit()


CASES["compares_with_a_constant_string"] = "ok", compare("text", 1)
CASES["compares_with_the_empty_string"] = "ok", compare("text", 4)
CASES["compares_with_a_string_without_its_nul"] = "invalid helper argument", compare("text", 5)
CASES["compares_with_a_string_that_can_change"] = "invalid helper argument", compare(".bss", 0)
CASES["compares_with_one_of_two_strings"] = "invalid helper argument", variable
CASES["compares_nothing"] = "invalid helper argument", compare("text", 0, 0)
CASES["compares_more_than_there_is"] = "invalid stack access", compare("text", 0, 9)
