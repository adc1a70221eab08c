"""CO-RE relocations: answered as libbpf answers them where every kernel has the same answer, else refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hardpath.codegen import btf
from hardpath.codegen.btf import Array, Btf, Enum, Int, Struct, Void
from hardpath.codegen.btf_ext import CoreRelocation
from hardpath.codegen.disassemble import disassemble
from hardpath.codegen.elf import core, load, select
from hardpath.codegen.elf.abi import FIXED, KERNEL
from hardpath.codegen.flow import compile_program
from hardpath.codegen.isa import LD_IMM64, Instruction, Poison
from hardpath.codegen.redirects import redirect_target
from hardpath.codegen.spec import ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim import linux
from hardpath.sim.interpreter import Interpreter

DATA = Path(__file__).parents[1] / "data" / "elf"


def program(name: str, which: str | None = None) -> ProgramSpec:
    """A program of a test object."""
    return select(load(DATA / name), which)


def test_fixed_layouts_are_relocated_without_a_kernel() -> None:
    listing = [disassemble(i) for i in program("core.o", "fixed").instructions]
    # In the kernel's struct iphdr ttl is byte 8, protocol byte 9, version the upper half of byte 0; in struct
    # xdp_md data comes first. The object declares all of them elsewhere. test_elf_libbpf compares the rest.
    assert any(text.endswith("= *(u32 *)(r1 + 0)") for text in listing)
    assert any(text.endswith("+ 8)") and "(u8 *)" in text for text in listing)


def test_relocations_that_need_no_kernel_are_resolved() -> None:
    linked = program("core.o", "local")
    assert Interpreter(linked, {}).run(bytes(14)).r0 == 1


def test_other_kernel_types_are_refused_by_member() -> None:
    with pytest.raises(Refused, match="asks whether the running kernel has struct task_struct\n"):
        program("core.o", "exists")
    with pytest.raises(Refused, match=r"struct task_struct, member pid\n.*core\.c:"):
        program("core.o", "kernel")


def test_loads_and_stores_move_what_the_kernel_has() -> None:
    listing = [disassemble(i) for i in program("resized.o", "adjusted").instructions]
    assert [text for text in listing if "*)" in text] == [
        "r2 = *(u32 *)(r1 + 4)",
        "r1 = *(u32 *)(r1 + 0)",
        "*(u8 *)(r1 + 8) = r2",
        "r2 = *(u16 *)(r1 + 2)",
        "r3 = *(u32 *)(r1 + 12)",
        "*(u32 *)(r1 + 12) = r3",
        "r2 = *(u8 *)(r1 + 1)",
        "*(u8 *)(r1 + 1) = r2",
        "r2 = *(u8 *)(r1 + 2)",
        "*(u32 *)(r1 + 8) = r2",
        "r2 = *(u32 *)(r1 + 12)",
        "r0 = *(u8 *)(r1 + 8)",
        "r1 = *(u32 *)(r1 + 12)",
    ]


def test_a_program_may_go_around_what_has_no_answer() -> None:
    guarded = program("resized.o", "guarded")
    assert any(isinstance(i.reference, Poison) for i in guarded.instructions)
    assert redirect_target(compile_program(load(DATA / "resized.o"), guarded)) is None
    assert Interpreter(guarded, {}).run(bytes(6) + b"\1\0" + bytes(52)).r0 == 2


POISONED = {
    "kind": "member dest of struct udphdr is a pointer of 8 bytes in the object and something else in the kernel",
    "sign": "member len of struct udphdr is a signed integer of 4 bytes in the object and an unsigned integer of 2 "
    "bytes in the kernel",
}


@pytest.mark.parametrize("which", POISONED)
def test_what_has_no_answer_is_unsafe_where_it_runs(which: str) -> None:
    with pytest.raises(VerificationError, match=POISONED[which]) as caught:
        verify(program("poisoned.o", which), {})
    assert caught.value.category == "CO-RE relocation without an answer"
    assert "poisoned.c:" in str(caught.value)


@pytest.mark.linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can load programs")
@pytest.mark.parametrize("which", POISONED)
def test_linux_does_not_take_them_either(which: str) -> None:
    accepted, log = linux.kernel_verdict(program("poisoned.o", which), {})
    assert not accepted
    assert "invalid func unknown#195896080" in log


@pytest.fixture
def relocated() -> Callable[[str, str, Instruction], list[Instruction]]:
    """``relocated(type, access, instruction)``: the instruction with the place put in, and its second slot if any."""
    types = load(DATA / "resized.o").btf
    assert types is not None
    ids = {t.name: number for number, t in enumerate(types.types) if isinstance(t, Struct)}

    def relocate(type: str, access: str, instruction: Instruction) -> list[Instruction]:
        code = [instruction, *[Instruction(0, 0, 0, 0, 0)] * (instruction.slots - 1)]
        core.apply(types, CoreRelocation(0, ids[type], access, core.Kind.FIELD_OFFSET), code, 0)
        return code

    return relocate


Relocated = Callable[[str, str, Instruction], list[Instruction]]
LOAD = 0x61  # of 4 bytes


def test_both_slots_of_a_64_bit_immediate_are_no_instructions(relocated: Relocated) -> None:
    code = relocated("udphdr___signed", "0:2", Instruction(LD_IMM64, 1, 0, 0, 8, imm64=8))
    assert [(i.opcode, i.imm) for i in code] == [(0x85, 0xBAD2310)] * 2


def test_elements_that_the_kernel_does_not_have_have_no_answer(relocated: Relocated) -> None:
    (call,) = relocated("ethhdr___arrays", "0:1:7", Instruction(LOAD, 0, 1, 40, 0))
    assert isinstance(call.reference, Poison)
    assert "member h_source[7] of struct ethhdr" in call.reference.reason


@pytest.mark.parametrize(
    ("type", "access", "instruction", "message"),
    [
        # libbpf: "unexpected mem size": it cannot know which bytes of the kernel's are meant
        ("xdp_md___wide", "0:1", Instruction(LOAD, 0, 1, 8, 0), "4 bytes, of 8 in the object and 4 in the kernel"),
        ("xdp_md___wide", "0:1", Instruction(LOAD, 0, 1, 4, 0), "has 4 where the object's types give 8"),
        ("xdp_md___wide", "0:9", Instruction(LOAD, 0, 1, 8, 0), "nothing at index 9"),
        ("ethhdr___arrays", "0:0:6", Instruction(0x69, 0, 1, 12, 0), "nothing at index 6"),
    ],
)
def test_instructions_that_do_not_fit_are_errors(
    relocated: Relocated, type: str, access: str, instruction: Instruction, message: str
) -> None:
    with pytest.raises(core.Mismatch, match=message):
        relocated(type, access, instruction)


def enum_value(enum: str, value: str, number: int, kind: core.Kind) -> int:
    """The answer to a relocation of an enum's value, which the object declares as ``number``."""
    types = Btf("test", (Void(), Enum(enum, 4, ((value, number),))), b"")
    given = 1 if kind == core.Kind.ENUM_EXISTS else number
    code = [Instruction(LD_IMM64, 0, 0, 0, given, imm64=given), Instruction(0, 0, 0, 0, 0)]
    core.apply(types, CoreRelocation(0, 1, "0", kind), code, 0)
    return code[0].imm


def test_values_of_enums_are_the_kernels() -> None:
    assert enum_value("xdp_action___mine", "XDP_REDIRECT___mine", 9, core.Kind.ENUM_VALUE) == 4
    assert enum_value("xdp_action", "XDP_REDIRECT", 9, core.Kind.ENUM_EXISTS) == 1


def test_other_enums_are_as_the_object_knows_them() -> None:
    assert enum_value("bpf_func_id", "BPF_FUNC_loop", 181, core.Kind.ENUM_VALUE) == 181
    assert enum_value("bpf_func_id", "BPF_FUNC_loop", 181, core.Kind.ENUM_EXISTS) == 1


def test_actions_that_no_kernel_has_are_refused() -> None:
    with pytest.raises(Refused, match="asks whether the running kernel has enum xdp_action, value XDP_OTHER\n"):
        enum_value("xdp_action", "XDP_OTHER", 7, core.Kind.ENUM_EXISTS)
    with pytest.raises(Refused, match="needs what the running kernel has for enum xdp_action, value XDP_OTHER\n"):
        enum_value("xdp_action", "XDP_OTHER", 7, core.Kind.ENUM_VALUE)


def shape(types: Btf, id: int) -> object:
    """All that CO-RE sees of a type. Members of structs without a name count as those of the one around them."""
    match types.resolve(id):
        case Int() as found:
            return found.size, found.signed
        case Array() as found:
            return found.length, shape(types, found.element)
        case Struct() as found:
            return found.size, members(types, found, 0)
        case other:
            raise AssertionError(other)


def members(types: Btf, struct: Struct, start: int) -> dict[str, object]:
    """Name -> place, bits and shape."""
    found: dict[str, object] = {}
    for member in struct.members:
        inner = types.resolve(member.type)
        if member.name:
            found[member.name] = start + member.bit_offset, member.bit_size, shape(types, member.type)
        elif isinstance(inner, Struct):
            found |= members(types, inner, start + member.bit_offset)
    return found


def test_fixed_layouts_are_those_of_the_running_kernel() -> None:
    path = Path("/sys/kernel/btf/vmlinux")
    if not path.exists():
        pytest.skip("this kernel has no BTF")
    kernel = btf.parse(path.read_bytes(), "vmlinux")
    structs = {t.name: id for id, t in enumerate(kernel.types) if isinstance(t, Struct) and t.name in FIXED}
    theirs = {name: shape(kernel, id) for name, id in structs.items()}
    assert {name: shape(KERNEL, id) for name, id in FIXED.items() if name in theirs} == theirs
    assert {"xdp_md", "ethhdr", "iphdr", "ipv6hdr", "tcphdr", "udphdr"} <= set(theirs)
