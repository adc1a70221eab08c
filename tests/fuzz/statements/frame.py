"""Access to the frame, and what moves its ends."""

from __future__ import annotations

from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump
from rules import rule
from statements.numbers import arithmetic
from writer import COUNTER, SPILLED, State, Writer

ADJUST_HEAD, ADJUST_META, ADJUST_TAIL = 44, 54, 65


@rule(4, when=lambda w: w.state.checked > 0)
def frame_access(w: Writer) -> None:
    w.access(w.frame, 0, w.state.checked)


@rule(2)
def variable_frame_access(w: Writer) -> None:
    """Access behind a computed offset, with its own check."""
    a, rng = w.a, w.rng
    source = w.any_number()
    pointer, index, end, behind = w.temporaries(4, keep=(source,))
    with w.skippable() as done:
        w.bounded(index, source, done)
        if rng.random() < 0.5:
            a.load(4, pointer, w.ctx, 0)
        else:
            a.move(pointer, src=w.frame)
        if rng.random() < 0.5:
            a.alu(Alu.ADD, pointer, imm=rng.randrange(30))
        a.alu(Alu.ADD, pointer, src=index)
        size = rng.choice((1, 2, 4, 8, 20))
        w.bounds_check(behind, end, pointer, size, done)
        for _ in range(rng.randint(1, 2)):
            w.access(pointer, 0, size)
    w.state.numbers -= {pointer, index, end, behind}


@rule(0.5)
def far_frame_access(w: Writer) -> None:
    """Reads that may reach anywhere, also behind what hardware keeps at hand of every frame."""
    a, rng = w.a, w.rng
    source = w.any_number()
    pointer, index, end, behind = w.temporaries(4, keep=(source,))
    with w.skippable() as done:
        a.move(index, src=source)
        a.alu(Alu.AND, index, imm=rng.choice((0x7F, 0xFF, 0x1FF, 0x3F8, 0x3FF, 0x7FF)))
        w.pointer(pointer, w.frame, rng.choice((0, 0, 14, 60, 300)))
        a.alu(Alu.ADD, pointer, src=index)
        size = rng.choice((1, 2, 4, 8, 20))
        w.bounds_check(behind, end, pointer, size, done)
        for _ in range(rng.randint(1, 2)):
            w.access(pointer, 0, size, writable=False)
        if rng.random() < 0.5:
            a.alu(Alu.ADD, w.number, src=w.any_number())
    w.state.numbers -= {pointer, index, end, behind}


@rule(1)
def more_frame(w: Writer) -> None:
    """Check more of the frame; go on without on short frames half of the time."""
    size = w.state.checked + w.rng.choice((1, 4, 8, 14, 20, 33))
    if size > 110:
        return
    if not w.may_nest or w.rng.random() < 0.5:
        w.check(size, w.leave)
        return
    behind, end = w.temporaries(2)
    with w.skippable() as done:
        w.bounds_check(behind, end, w.frame, size, done)
        w.state.checked = size
        w.nested(w.rng.randint(1, 3))


@rule(0.8, when=lambda w: w.may_nest and not w.loops and w.held is None)
def walk(w: Writer) -> None:
    """Headers of variable length one behind the other, as in IPv6: a loop, or the same thing several times."""
    a, rng = w.a, w.rng
    cursor, size, looped = w.extra, rng.choice((1, 2, 4, 8)), rng.random() < 0.5
    checked = w.state.checked
    w.state.numbers, w.held = {w.number}, "walk"
    w.pointer(cursor, w.frame, rng.choice((0, 12, 14)))
    top, out = Label(), Label()
    if looped:
        a.store(8, FP, COUNTER, imm=0)
        a.place(top)
    for _ in range(1 if looped else rng.randint(2, 4)):
        behind, end = w.temporaries(2)
        w.bounds_check(behind, end, cursor, size, out)
        w.access(cursor, 0, size)
        (step,) = w.temporaries(1)
        a.load(1, step, cursor, rng.randrange(size))
        if rng.random() < 0.4:
            a.jump(rng.choice((Jump.JEQ, Jump.JNE, Jump.JGT)), out, step, imm=rng.choice((0, 2, 8, 0x45)))
        a.alu(Alu.AND, step, imm=rng.choice((3, 7, 0xC, 0xF)))
        if rng.random() < 0.3:
            a.alu(Alu.LSH, step, imm=rng.choice((1, 2)))
        if rng.random() < 0.5:
            a.alu(Alu.ADD, step, imm=rng.choice((1, size)))
        a.alu(Alu.ADD, cursor, src=step)
        w.state.numbers = {w.number}
    if looped:
        (count,) = w.temporaries(1)
        a.load(8, count, FP, COUNTER)
        a.alu(Alu.ADD, count, imm=1)
        a.store(8, FP, COUNTER, src=count)
        a.jump(Jump.JLT, top, count, imm=rng.randint(2, 4))
    a.place(out)
    behind, end = w.temporaries(2)
    with w.skippable() as short:
        w.bounds_check(behind, end, cursor, size, short)
        w.access(cursor, 0, size)
    a.move(cursor, imm=w.immediate())
    w.state, w.held = State({w.number, cursor}, checked), None


@rule(0.7)
def frame_length(w: Writer) -> None:
    start, end = w.temporaries(2)
    w.a.load(4, end, w.ctx, 4)
    w.a.load(4, start, w.ctx, 0)
    w.a.alu(Alu.SUB, end, src=start)
    w.state.numbers.add(end)


@rule(0.5)
def context_field(w: Writer) -> None:
    w.a.load(4, w.target(), w.ctx, w.rng.choice((12, 16)))


@rule(0.4)
def spill_frame_pointer(w: Writer) -> None:
    w.a.store(8, FP, SPILLED, src=w.frame)
    arithmetic(w)
    w.a.load(8, w.frame, FP, SPILLED)


def adjust(w: Writer, helper: int, distances: tuple[int, ...]) -> None:
    """Call one of the bpf_xdp_adjust_*, add what it says to the number, and find the frame again."""
    a, rng = w.a, w.rng
    w.clobber()
    a.move(1, src=w.ctx)
    if rng.random() < 0.7:
        a.move(2, imm=rng.choice(distances))
    else:
        mask = rng.choice((0x3C, 0x3F))
        a.move(2, src=w.number)
        a.alu(Alu.AND, 2, imm=mask)
        a.alu(Alu.SUB, 2, imm=rng.choice((0, mask // 2 & ~3, mask)))
    w.call(helper)
    if rng.random() < 0.3:
        a.jump(Jump.JNE, w.leave, 0, imm=0)
    numbers = set(w.state.numbers)
    a.alu(Alu.ADD, w.number, src=0)
    w.reload()
    w.state.numbers &= numbers


@rule(0.7, when=lambda w: w.may_move)
def adjust_head(w: Writer) -> None:
    adjust(w, ADJUST_HEAD, (-4, 4, -14, 14, -20, 20, -8, 8, -216, 1000, 0, 1, -3))


@rule(0.7, when=lambda w: w.may_move)
def adjust_tail(w: Writer) -> None:
    adjust(w, ADJUST_TAIL, (-4, 4, -14, 14, -20, 20, -60, 60, 200, -200, 1990, 3000, 5000, 0, 1, -3))


@rule(0.4, when=lambda w: w.may_move)
def adjust_meta(w: Writer) -> None:
    a = w.a
    adjust(w, ADJUST_META, (-4, -8, -16, -32, 4, 8, 0, -3, -300))
    meta, data, behind = w.temporaries(3)
    a.load(4, meta, w.ctx, 8)
    a.load(4, data, w.ctx, 0)
    w.pointer(behind, meta, 4)
    with w.skippable() as done:
        a.jump(Jump.JGT, done, behind, src=data)
        w.access(meta, 0, 4)
    w.state.numbers -= {meta, data, behind}
