"""Joining two states of a program: what only one of them knows is a loss."""

import itertools

import pytest
from hardpath.codegen.verify import stack
from hardpath.codegen.verify.join import Join
from hardpath.codegen.verify.number import constant
from hardpath.codegen.verify.state import State
from hardpath.codegen.verify.values import scalar

SLOT = stack.address(0, -24)
NOTHING_DECIDES = frozenset(), 0


def with_number(value, forgotten=()):
    """A state with eight bytes of stack of which some were then overwritten by something unknown."""
    state = State()
    stack.write(state, SLOT, 8, scalar(constant(value)))
    for byte in forgotten:
        stack.forget(state, SLOT + byte, SLOT + byte + 1)
    return state


@pytest.mark.parametrize("forgotten", [[0], [1], [7], [2, 5]])
@pytest.mark.parametrize("swapped", [False, True])
def test_bytes_that_one_state_knows_and_the_other_does_not_are_lost(forgotten, swapped):
    """Seed 100006905 of the fuzzer: the state that knew more took the place of both."""
    states = with_number(0x0101, forgotten), with_number(0x0101)
    knows_less, knows_more = ("lost_b", "lost_a") if swapped else ("lost_a", "lost_b")
    join = Join(*(reversed(states) if swapped else states), itertools.count(1).__next__)
    assert getattr(join, knows_more)
    assert not getattr(join, knows_less)
    assert stack.read(join.state, SLOT, 8).number == stack.read(states[0], SLOT, 8).number


@pytest.mark.parametrize("swapped", [False, True])
def test_where_nothing_is_decided_it_is_no_loss_but_the_join_has_to_be_taken(swapped):
    states = with_number(1, [1]), with_number(1)
    join = Join(*(reversed(states) if swapped else states), itertools.count(1).__next__, NOTHING_DECIDES)
    assert join.merged and not join.lost_a and not join.lost_b
