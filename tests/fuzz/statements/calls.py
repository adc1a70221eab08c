"""Calls of subprograms, which get a number, the context, and pointers: into the stack, the frame, a map value."""

from __future__ import annotations

from assembler import FP, Label
from hardpath.codegen.isa import Alu
from map_kinds import ARRAYS
from rules import rule
from writer import LENT, NUMBERS, Function, Lent, Writer

LOOP, FOR_EACH = 181, 164
MOST_FUNCTIONS, DEEPEST = 4, 2  # three stacks of 160 bytes stay below the 512 that Linux allows


def depth_of(w: Writer) -> int:
    return 0 if w.function is None else w.function.depth


def can_lend(w: Writer, lent: Lent) -> bool:
    """Whether there are so many bytes of that kind here."""
    if lent.kind == "frame":
        return w.state.checked >= lent.size
    if lent.kind == "value":
        return w.held in w.maps and w.maps[w.held].value_size >= lent.size
    return True


def callable_here(w: Writer, function: Function) -> bool:
    if function.depth != depth_of(w) + 1 or (function.moves and not w.may_move):
        return False
    return all(can_lend(w, lent) for lent in function.lent)


def new_function(w: Writer) -> Function:
    lent: list[Lent] = []
    kinds = [("stack", w.rng.choice((4, 8, 20, NUMBERS)))]
    moves = w.may_move and w.rng.random() < 0.3
    if w.state.checked and not moves:
        kinds.append(("frame", w.rng.randint(1, w.state.checked)))
    if w.held in w.maps:
        kinds.append(("value", w.maps[w.held].value_size))
    for slot, (kind, size) in zip(LENT, kinds, strict=False):
        if w.rng.random() < 0.6:
            lent.append(Lent(slot, kind, size))
    return Function(Label(), tuple(lent), moves, depth_of(w) + 1)


@rule(0.7, when=lambda w: w.depth < 3 and depth_of(w) < DEEPEST)
def call(w: Writer) -> None:
    known = [each for each in w.functions if not each.callback and callable_here(w, each)]
    if known and (len(w.functions) >= MOST_FUNCTIONS or w.rng.random() < 0.4):
        function = w.rng.choice(known)
    elif len(w.functions) < MOST_FUNCTIONS:
        function = new_function(w)
        w.functions.append(function)
    else:
        return
    a = w.a
    a.move(1, src=w.any_number())
    w.clobber()
    a.move(2, src=w.ctx)
    for register, lent in enumerate(function.lent, 3):
        lend(w, register, lent)
    a.call_local(function.label)
    w.clobber()
    if function.moves:
        numbers = {0, *w.state.numbers}
        a.alu(Alu.ADD, w.number, src=0)
        w.reload()
        w.state.numbers &= numbers
    else:
        w.state.numbers.add(0)


def lend(w: Writer, register: int, lent: Lent) -> None:
    """A pointer to bytes that the function may use."""
    if lent.kind == "stack":
        w.pointer(register, FP, -NUMBERS + 8 * w.rng.randint(0, (NUMBERS - lent.size) // 8))
    elif lent.kind == "frame":
        w.pointer(register, w.frame, w.rng.randint(0, w.state.checked - lent.size))
    else:
        w.pointer(register, w.extra)


@rule(0.4, when=lambda w: w.depth < 3 and depth_of(w) < DEEPEST and not w.loops and len(w.functions) < MOST_FUNCTIONS)
def callback_loop(w: Writer) -> None:
    """bpf_loop: a function called so many times with a number and a pointer to the stack, until it returns 1."""
    a = w.a
    lent = Lent(LENT[0], "stack", w.rng.choice((8, 24, NUMBERS)))
    function = Function(Label(), (lent,), False, depth_of(w) + 1, callback=True)
    w.functions.append(function)
    w.clobber()
    a.move(1, imm=w.rng.randint(0, 5))
    a.function(2, function.label)
    lend(w, 3, lent)
    a.move(4, imm=0)
    w.call(LOOP)


@rule(0.3, when=lambda w: w.depth < 3 and depth_of(w) < DEEPEST and not w.loops and len(w.functions) < MOST_FUNCTIONS)
def for_each_entry(w: Writer) -> None:
    """bpf_for_each_map_elem: a function called for each entry of an array, until it returns 1."""
    a = w.a
    spec = w.maps[w.rng.choice(ARRAYS)]
    lent = Lent(LENT[0], "value", spec.value_size), Lent(LENT[1], "stack", w.rng.choice((8, 24, NUMBERS)))
    function = Function(Label(), lent, False, depth_of(w) + 1, callback=True, each=True)
    w.functions.append(function)
    w.clobber()
    a.map(1, spec.name)
    a.function(2, function.label)
    lend(w, 3, lent[1])
    a.move(4, imm=w.rng.choice((0, 0, 0, 0, 1)))
    w.call(FOR_EACH)
