"""Helpers that work on numbers, the frame's bytes and redirect targets."""

from __future__ import annotations

from assembler import FP, Label
from hardpath.codegen.isa import Alu
from map_kinds import REDIRECTS
from rules import rule
from statements.control import compare
from writer import NUMBERS, Writer

SMP_PROCESSOR_ID, REDIRECT, CSUM_DIFF, REDIRECT_MAP = 8, 23, 28, 51
STRNCMP, STRINGS = 182, (0, 1, 4, 6, 9)  # where strings begin in the map "text"
BUFF_LEN, LOAD_BYTES, STORE_BYTES = 188, 189, 190


def buffer(w: Writer, pointer: int, size: int) -> None:
    """A memory argument with its size: the number stack or the frame, of constant or computed size, or NULL."""
    a, rng = w.a, w.rng
    kind = rng.random()
    if kind < 0.25:
        a.move(pointer, imm=0)
        a.move(size, imm=0)
        return
    in_frame = kind < 0.6 and w.state.checked >= 32
    room = min(w.state.checked, NUMBERS) if in_frame else NUMBERS
    start = 0 if in_frame else -NUMBERS
    if rng.random() < 0.25:
        a.move(size, src=w.number)
        a.alu(Alu.AND, size, imm=rng.choice((0xC, 0x1C, 0x1F)))
    else:
        length = 4 * rng.randint(0, room // 4)
        start += rng.randint(0, room - length)
        a.move(size, imm=length)
    w.pointer(pointer, w.frame if in_frame else FP, start)


@rule(1)
def checksum(w: Writer) -> None:
    w.clobber()
    buffer(w, 1, 2)
    buffer(w, 3, 4)
    if w.rng.random() < 0.4:
        w.a.move(5, imm=w.rng.choice((0, 0, -1, 1)))
    else:
        w.a.move(5, src=w.any_number())
    w.call(CSUM_DIFF)


def may_end_here(w: Writer) -> None:
    """On some paths, r0 is the verdict."""
    if w.function is None and w.rng.random() < 0.5:
        on = Label()
        compare(w, on)
        w.a.exit()
        w.a.place(on)


@rule(0.3)
def redirect(w: Writer) -> None:
    w.clobber()
    w.a.move(1, src=w.number)
    if w.rng.random() < 0.7:
        w.a.alu(Alu.AND, 1, imm=7)
    w.a.move(2, imm=w.rng.choice((0, 0, 0, 1)))
    w.call(REDIRECT)
    may_end_here(w)


@rule(0.6)
def redirect_map(w: Writer) -> None:
    """Flags that are known, broadcasts and wrong ones among them, or are not."""
    w.clobber()
    w.a.map(1, w.rng.choice(REDIRECTS))
    w.a.move(2, src=w.number)
    if w.rng.random() < 0.8:
        w.a.alu(Alu.AND, 2, imm=w.rng.choice((1, 3, 7)))
    if w.rng.random() < 0.8:
        w.a.move(3, imm=w.rng.choice((0, 0, 1, 2, 3, 4, 8, 16, 24, 32)))
    else:
        w.a.move(3, src=w.number)
        w.a.alu(Alu.AND, 3, imm=w.rng.choice((3, 0x1B, 0x3F)))
    w.call(REDIRECT_MAP)
    may_end_here(w)


def frame_bytes(w: Writer) -> None:
    """Context, an offset that may lie behind the frame, numbers on the stack, and a size."""
    a, rng = w.a, w.rng
    w.clobber()
    a.move(1, src=w.ctx)
    if rng.random() < 0.4:
        a.move(2, imm=rng.choice((0, 1, 6, 12, 14, 23, 26, 40, 70, -1)))
    else:
        a.move(2, src=w.number)
        a.alu(Alu.AND, 2, imm=rng.choice((7, 0x1F, 0x3F)))
    if rng.random() < 0.2:
        a.move(4, src=w.number)
        a.alu(Alu.AND, 4, imm=7)
        a.alu(Alu.ADD, 4, imm=1)
        size = 8
    else:
        size = rng.choice((1, 2, 4, 6, 8, 14, 20))
        a.move(4, imm=size)
    w.pointer(3, FP, -NUMBERS + rng.randint(0, NUMBERS - size))


@rule(0.5)
def load_bytes(w: Writer) -> None:
    frame_bytes(w)
    w.call(LOAD_BYTES)


@rule(0.5)
def store_bytes(w: Writer) -> None:
    frame_bytes(w)
    w.call(STORE_BYTES)
    if w.may_move and w.rng.random() < 0.5:  # Linux keeps what is known of the frame
        w.reload()


@rule(0.3)
def buffer_length(w: Writer) -> None:
    w.clobber()
    w.a.move(1, src=w.ctx)
    w.call(BUFF_LEN)


@rule(0.1)
def processor_id(w: Writer) -> None:
    w.call(SMP_PROCESSOR_ID)


@rule(0.3)
def compare_strings(w: Writer) -> None:
    """bpf_strncmp of what lies on the stack, sometimes the start of the string."""
    a, rng = w.a, w.rng
    w.clobber()
    size = rng.randint(1, 20)
    low = -NUMBERS + rng.randrange(NUMBERS - size)
    if rng.random() < 0.6:
        a.store(1, FP, low, imm=rng.choice((0, ord("a"), ord("l"), 0xFF)))
    w.pointer(1, FP, low)
    if rng.random() < 0.3:
        a.move(2, src=w.number)
        a.alu(Alu.AND, 2, imm=size - 1 & ~(size - 1 & size - 2) if size > 1 else 0)
        a.alu(Alu.ADD, 2, imm=1)
    else:
        a.move(2, imm=size)
    a.map(3, "text", rng.choice(STRINGS))
    w.call(STRNCMP)
