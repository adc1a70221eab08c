"""Calls of functions by helpers, bpf_loop and bpf_for_each_map_elem: which iteration happens, and with what.

The call instruction is a loop of its own: it comes again after each iteration, with the arguments that it had.
"""

from __future__ import annotations

from ...hdl.helpers.base import Arg, CallingHelper, Passed
from ..isa import Class, Instruction, Jump
from .branch import decide
from .failure import Category, Failure, Unbuildable
from .memory import readable
from .number import UNKNOWN, constant
from .result import Kind
from .state import State
from .values import CLOBBERED, NEVER_WRITTEN, UNKNOWN_KEY, Num, Ptr, Value, scalar

Ways = list[tuple[bool, State]]


def _test(state: State, op: Jump, register: int, limit: int, slot: int) -> tuple[State | None, State | None]:
    """The state where ``register op limit`` holds, and where it does not."""
    ways = dict(decide(state, Instruction(Class.JMP | op, register, 0, 0, limit), slot))
    return ways.get(True), ways.get(False)


def begin(state: State, plugin: CallingHelper, index: int, slot: int, entries: int | None) -> Ways:
    """Ways to go on before iteration ``index``: into it (True), or behind the call with a result in r0 (False).

    The arguments are checked already. ``entries``: of the map argument, if there is one. Takes over ``state``.
    """
    flags = state.get(plugin.flags)
    assert isinstance(flags, Num)
    if not flags.number.is_constant:
        raise Unbuildable(f"the flags of {plugin.name} are no constant", "pass 0, the only flags that there are")
    if flags.number.constant:
        return_(state, plugin.bad_flags)
        return [(False, state)]
    if not plugin.rounds:
        assert entries is not None, "a helper without a number of rounds has a map"
        if index < entries:
            return [(True, state)]
        return_(state, index)
        return [(False, state)]
    ways: Ways = []
    many, few = _test(state, Jump.JGT, plugin.rounds, plugin.most_rounds, slot)
    more, done = _test(few, Jump.JGT, plugin.rounds, index, slot) if few is not None else (None, None)
    for end, result in ((many, plugin.too_many), (done, index)):
        if end is not None:
            return_(end, result)
            ways.append((False, end))
    return [*ways, (True, more)] if more is not None else ways


def function(state: State, plugin: CallingHelper) -> int:
    """The slot of the function in the CALLBACK argument."""
    value = state.get(plugin.function)
    assert isinstance(value, Ptr) and value.kind == Kind.FUNCTION
    if not value.variable.is_constant:
        raise Failure(
            Category.ARGUMENT,
            f"argument {plugin.function} of {plugin.name} is one of several functions",
            "call it for each function on its own path",
            plugin.function,
        )
    return value.offset


def enter(state: State, plugin: CallingHelper, index: int | None, lookup: int) -> None:
    """Start the function: a frame with what the helper passes to it.

    ``index``: the iteration's number, None if it is not known; ``lookup``: of the value that it gets (`Ptr.lookup`).
    """
    values = [_passed(state, plugin, what, index, lookup) for what in plugin.passes]
    state.enter()
    for register in range(1, 6):
        state.set(register, values[register - 1] if register <= len(values) else NEVER_WRITTEN)


def _passed(state: State, plugin: CallingHelper, what: Passed, index: int | None, lookup: int) -> Value:
    match what:
        case Passed.NUMBER:
            return scalar(UNKNOWN if index is None else constant(index))
        case Passed.ARGUMENT:
            return state.get(plugin.argument)
    owner = state.get(1 + plugin.args.index(Arg.MAP))
    assert isinstance(owner, Ptr)
    match what:
        case Passed.KEY:
            return Ptr(Kind.MAP_KEY, map=owner.map, frame=UNKNOWN_KEY if index is None else index)
        case Passed.VALUE:
            return Ptr(Kind.MAP_VALUE, map=owner.map, lookup=lookup)
    return owner


def leave(state: State, plugin: CallingHelper, index: int, slot: int) -> Ways:
    """Ways to go on after iteration ``index``: behind the call (True), or to the next iteration (False).

    r0 is what the function returned. Takes over ``state``.
    """
    result = readable(state, 0)
    if not isinstance(result, Num) or result.number.umax > 1:
        raise Failure(
            Category.CALL,
            f"a function that {plugin.name} calls returns something else than 0 or 1",
            "return 0 to go on and 1 to stop",
            0,
        )
    state.leave()
    stopped, going_on = _test(state, Jump.JNE, 0, 0, slot)
    ways: Ways = []
    if stopped is not None:
        return_(stopped, index + 1)
        ways.append((True, stopped))
    if going_on is not None:
        ways.append((False, going_on))
    return ways


def return_(state: State, result: int) -> None:
    """What a helper call leaves in the registers."""
    for register in range(1, 6):
        state.set(register, CLOBBERED)
    state.set(0, scalar(constant(result)))
