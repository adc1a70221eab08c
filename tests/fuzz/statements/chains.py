"""Tail calls: other programs, written like the first one, take the place of the one that runs."""

from __future__ import annotations

from hardpath.codegen.isa import Alu
from map_kinds import ARRAYS_OF_PROGRAMS
from rules import rule
from statements.calls import depth_of
from writer import Writer

TAIL_CALL = 12
MOST = 2
"""In one program: each makes another copy of the programs that follow."""


def can_go_on(w: Writer) -> bool:
    """Where the frame may move, as the next program may move it, and where callers have little on their stacks."""
    has_array = w.level < len(ARRAYS_OF_PROGRAMS)
    return has_array and w.may_move and depth_of(w) < 2 and w.tail_calls < MOST and w.depth < 3


@rule(0.8, when=can_go_on)
def tail_call(w: Writer) -> None:
    """Go on with another program, or right behind if the slot is empty or there is none."""
    a, rng = w.a, w.rng
    w.tail_calls += 1
    index = w.any_number()
    w.clobber()
    if rng.random() < 0.5:
        a.move(3, imm=rng.randrange(4))
    else:
        a.move(3, src=index)
        if rng.random() < 0.8:
            a.alu(Alu.AND, 3, imm=rng.choice((1, 3)))
    a.move(1, src=w.ctx)
    a.map(2, ARRAYS_OF_PROGRAMS[w.level])
    a.call(TAIL_CALL)
    w.clobber()
    w.reload()
