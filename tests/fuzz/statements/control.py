"""Branches and loops."""

from __future__ import annotations

from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump
from rules import rule
from writer import COUNTER, State, Writer

COMPARISONS = tuple(j for j in Jump if j not in (Jump.JA, Jump.CALL, Jump.EXIT, Jump.JCOND))


def compare(w: Writer, target: Label) -> None:
    """Goes to ``target`` or on, whatever the numbers say."""
    op, bits = w.rng.choice(COMPARISONS), w.rng.choice((32, 64))
    if w.rng.random() < 0.5:
        w.a.jump(op, target, w.any_number(), src=w.any_number(), bits=bits)
    else:
        w.a.jump(op, target, w.any_number(), imm=w.immediate(), bits=bits)


@rule(3, when=lambda w: w.may_nest, frame=False)
def branch(w: Writer) -> None:
    """if (...) { ... } else { ... }; the else part may be missing."""
    other, done = Label(), Label()
    compare(w, other)
    before = w.state.copy()
    w.nested(w.rng.randint(1, 4))
    taken, w.state = w.state, before
    if w.rng.random() < 0.6:
        w.goto(done)
        w.a.place(other)
        w.state = before.copy()
        w.nested(w.rng.randint(1, 4))
    else:
        w.a.place(other)
    w.a.place(done)
    w.state = w.state.meet(taken)


def narrowed(w: Writer, register: int, source: int) -> None:
    """``register`` becomes a number of which much is known: a few bits of another one, and some arithmetic on them."""
    a, rng = w.a, w.rng
    a.move(register, src=source)
    kind, bits = rng.randrange(5), rng.choice((32, 64))
    if kind == 0:
        a.alu(Alu.AND, register, imm=rng.choice((1, 3, 7, 0xF0, 0xFF, 0x101, 0x7FFFFFFF, -4, -256)), bits=bits)
    elif kind == 1:
        a.alu(rng.choice((Alu.RSH, Alu.ARSH)), register, imm=bits - rng.randint(1, 9), bits=bits)
    elif kind == 2:
        a.alu(Alu.MOV, register, src=register, bits=bits, offset=rng.choice((8, 16)))
    elif kind == 3:
        a.alu(Alu.MOD, register, imm=rng.choice((2, 10, 100, 256)), bits=bits, offset=rng.choice((0, 1)))
    else:
        a.load(rng.choice((1, 2)), register, FP, -rng.choice((8, 16, 24)), signed=rng.random() < 0.5)
    for _ in range(rng.randint(0, 3)):
        op = rng.choice(
            (Alu.ADD, Alu.SUB, Alu.XOR, Alu.OR, Alu.AND, Alu.MUL, Alu.LSH, Alu.RSH, Alu.ARSH, Alu.NEG, Alu.MOV)
        )
        bits = rng.choice((32, 64))
        if op == Alu.NEG:
            a.alu(op, register, bits=bits)
        elif op == Alu.MOV:
            a.alu(op, register, src=register, bits=bits, offset=rng.choice((0, 8, 16)))
        elif op in (Alu.LSH, Alu.RSH, Alu.ARSH):
            a.alu(op, register, imm=rng.choice((1, 2, 8, 24, 31)), bits=bits)
        else:
            a.alu(
                op, register, imm=rng.choice((-1, 1, 2, 3, 4, 7, 10, 0x7F, -0x80, 0x7FFFFFFF, w.immediate())), bits=bits
            )


@rule(2, frame=False)
def narrow_branch(w: Writer) -> None:
    """Comparisons of numbers of which much is known: often with one possible outcome, which verification may find."""
    a, rng = w.a, w.rng
    x, y = w.temporaries(2, keep=(source := w.any_number(),))
    narrowed(w, x, source)
    narrowed(w, y, w.number)
    done = Label()
    for _ in range(rng.randint(1, 4)):
        op, bits = rng.choice(COMPARISONS), rng.choice((32, 64))
        target = done if rng.random() < 0.5 else Label()
        if rng.random() < 0.3:
            a.jump(op, target, x, src=y, bits=bits)
        else:
            near = rng.choice((0, 1, 2, 3, 7, 8, 9, 16, 0x7F, 0x80, 0xFF, 0x100, -1, -2, -0x80, w.immediate()))
            a.jump(op, target, rng.choice((x, y)), imm=near, bits=bits)
        a.alu(rng.choice((Alu.ADD, Alu.XOR)), w.number, imm=w.immediate())
        if rng.random() < 0.4:
            a.alu(Alu.ADD, w.number, src=rng.choice((x, y)))
        if target is not done:
            a.place(target)
    a.place(done)
    w.state.numbers |= {x, y}


@rule(0.5, frame=False)
def early_exit(w: Writer) -> None:
    compare(w, w.leave)


@rule(0.8, when=lambda w: w.may_nest and not w.loops and w.held is None)
def loop(w: Writer) -> None:
    """Counted up or down, from or to a constant or a bounded number, with or without a way out before its end.

    The counter is in the extra register, where the body may use it as an index.
    """
    a, rng = w.a, w.rng
    counter, checked = w.extra, w.state.checked
    w.state.numbers = {w.number}
    top, out = Label(), Label()
    count = rng.randint(2, 5) if rng.random() < 0.9 else rng.randint(6, 24)
    step = rng.choice((1, 1, 2))
    form = rng.choice(("up", "up", "down", "bounded"))
    if form == "up":
        a.move(counter, imm=0)
    elif form == "down":
        a.move(counter, imm=count * step)
    else:
        count, step = rng.choice((3, 7)), 1
        a.move(counter, src=w.number)
        a.alu(Alu.AND, counter, imm=count)
    a.place(top)
    if form == "bounded":
        a.jump(Jump.JEQ, out, counter, imm=0)
    body(w, count, None if form == "bounded" else count * step)
    if rng.random() < 0.4:
        compare(w, out)
    a.alu(Alu.ADD, counter, imm=step if form == "up" else -step)
    if form == "up":
        a.jump(rng.choice((Jump.JLT, Jump.JNE, Jump.JSLT)), top, counter, imm=count * step)
    elif form == "down":
        a.jump(rng.choice((Jump.JNE, Jump.JGT, Jump.JSGT)), top, counter, imm=0)
    else:
        w.goto(top)
    a.place(out)
    w.state = State({w.number, counter}, checked)


def body(w: Writer, count: int, most: int | None) -> None:
    """What a loop does ``count`` times. ``most``: its counter is a number known in each iteration, at most that."""
    w.loops += 1
    w.held = "loop"
    if most is not None and w.state.checked >= most + 8 and w.rng.random() < 0.6:
        (pointer,) = w.temporaries(1)
        w.pointer(pointer, w.frame)
        w.a.alu(Alu.ADD, pointer, src=w.extra)
        w.access(pointer, 0, w.state.checked - most)
    if count > 7:
        w.depth += 2
    w.nested(w.rng.randint(1, 3) if count <= 7 else 1)
    if count > 7:
        w.depth -= 2
    w.loops -= 1
    w.held = None


@rule(0.5, when=lambda w: w.may_nest and w.loops == 1)
def inner_loop(w: Writer) -> None:
    """Its counter lives on the stack."""
    a, count = w.a, w.rng.randint(2, 3)
    checked = w.state.checked
    w.state.numbers = {w.number}
    top, out = Label(), Label()
    a.store(8, FP, COUNTER, imm=0)
    a.place(top)
    w.loops += 1
    w.nested(w.rng.randint(1, 2))
    w.loops -= 1
    if w.rng.random() < 0.3:
        compare(w, out)
    (scratch,) = w.temporaries(1)
    a.load(8, scratch, FP, COUNTER)
    a.alu(Alu.ADD, scratch, imm=1)
    a.store(8, FP, COUNTER, src=scratch)
    a.jump(Jump.JLT, top, scratch, imm=count)
    a.place(out)
    w.state = State({w.number}, checked)
