"""Iterators on the stack: begun before use, ended on every path, and touched by nothing but their functions.

What Linux checks in process_iter_arg and its neighbours. Linux knows nothing of the numbers that an iterator gives;
here they are followed (those of `hdl.kernel_functions.iter_num`, as entries of the stack), so that the loop is unrolled
like any other, unless the exploration is one in which rounds are not numbered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ...hdl.kernel_functions.base import Act, KernelFunction
from ...hdl.kernel_functions.iter_num import BACKWARDS, BYTES, ELEMENT_BYTES, MOST, TOO_MANY
from ...hdl.kernel_functions.registry import KERNEL_FUNCTIONS
from ..isa import Instruction, Jump, KernelReference
from . import stack
from .arithmetic import add, sub
from .failure import Category, Failure, address_dependent
from .number import UNKNOWN, ZERO, Number, constant, truncate
from .refine import assume
from .result import Kind
from .state import NULL, STACK_BYTES, State
from .values import CLOBBERED, ENDED, Num, Ptr, Value, scalar

ONE = constant(1)
ANY_ELEMENT = truncate(UNKNOWN, 8 * ELEMENT_BYTES)

_Way = TypeVar("_Way")


def kernel_function(i: Instruction) -> KernelFunction | None:
    """The plug-in of the kernel function that an instruction calls, if it is one that there is."""
    return KERNEL_FUNCTIONS.get(i.reference.name) if isinstance(i.reference, KernelReference) else None


def call(state: State, function: KernelFunction, fresh: int, is_numbered: bool) -> list[State]:
    """The states after a call, one for each way it can end; takes over ``state``. ``fresh``: an unused id."""
    place = _place(state, function)
    at = stack.address(place.frame, place.offset)
    match function.act:
        case Act.NEW:
            start, end = (_number(state, function, register) for register in (2, 3))
            states = _begin(state, at, start, end)
        case Act.NEXT:
            states = _next(state, at, place._replace(kind=Kind.ITERATOR, maybe_null=True, id=fresh))
        case Act.DESTROY:
            _end(state, at, place)
            return [state]
    if not is_numbered:
        for after in states:
            _store(after, at, ANY_ELEMENT, ANY_ELEMENT)
    return states


def _place(state: State, function: KernelFunction) -> Ptr:
    """The first argument; raises unless it is an iterator that the function takes."""
    pointer = state.get(1)
    new = function.act is Act.NEW
    if not isinstance(pointer, Ptr) or pointer.kind != Kind.STACK or pointer.half or not pointer.variable.is_constant:
        raise _failure("is no pointer to a known place of the stack", function, "pass the address of a local variable")
    offset = pointer.total.constant
    assert offset is not None
    offset -= 1 << 64 if offset >> 63 else 0
    if offset % BYTES or not -STACK_BYTES <= offset <= -BYTES:
        reason = f"is byte {offset} of the stack, where no struct bpf_iter_num can be"
        raise _failure(reason, function, f"use a local variable, aligned to {BYTES} bytes")
    at = stack.address(pointer.frame, offset)
    if new == (at in state.iterators):
        wrong = "is an iterator that was begun and not ended" if new else "is no iterator that was begun"
        remedy = "call bpf_iter_num_destroy before" if new else "call bpf_iter_num_new before, on every path"
        raise _failure(wrong, function, remedy)
    return Ptr(Kind.STACK, offset, frame=pointer.frame)


def _failure(wrong: str, function: KernelFunction, remedy: str) -> Failure:
    return Failure(Category.ITERATOR, f"argument 1 of {function.name} {wrong}", remedy, 1)


def _number(state: State, function: KernelFunction, register: int) -> Number:
    """The low half of an argument."""
    value: Value = state.get(register)
    if isinstance(value, Ptr):
        raise address_dependent(f"argument {register} of {function.name} is a pointer")
    if not isinstance(value, Num):
        raise Failure(
            Category.UNREADABLE,
            f"argument {register} of {function.name}, r{register}, {value.why}",
            "initialise it on every path",
            register,
        )
    return truncate(value.number, 32)


def _begin(state: State, at: int, start: Number, end: Number) -> list[State]:
    ways: list[tuple[int, Number, Number]] = []
    if assume(Jump.JSGT, True, start, end, 32):
        ways.append((BACKWARDS, ZERO, ZERO))
    if forwards := assume(Jump.JSGT, False, start, end, 32):
        start, end = forwards
        count = truncate(sub(end, start), 32)
        if assume(Jump.JGT, True, count, constant(MOST), 32):
            ways.append((TOO_MANY, ZERO, ZERO))
        if assume(Jump.JGT, False, count, constant(MOST), 32):
            ways.append((0, sub(start, ONE), end))
    states = []
    for (result, last, limit), after in _split(state, ways):
        after.iterators |= {at}
        _store(after, at, last, limit)
        _return(after, scalar(constant(result)))
        states.append(after)
    return states


def _next(state: State, at: int, element: Ptr) -> list[State]:
    last, end = (stack.read(state, at + offset, ELEMENT_BYTES) for offset in (0, ELEMENT_BYTES))
    assert isinstance(last, Num) and isinstance(end, Num), "only these functions write an iterator"
    following = truncate(add(last.number, ONE), 32)
    ways: list[tuple[Value, Number, Number]] = []
    if more := assume(Jump.JSLT, True, following, end.number, 32):
        ways.append((element, *more))
    if assume(Jump.JSLT, False, following, end.number, 32):
        ways.append((NULL, ZERO, ZERO))
    states = []
    for (result, number, limit), after in _split(state, ways):
        _store(after, at, number, limit)
        _return(after, result)
        states.append(after)
    return states


def _end(state: State, at: int, place: Ptr) -> None:
    def change(value: Value) -> Value:
        if not isinstance(value, Ptr) or value.kind != Kind.ITERATOR:
            return value
        return ENDED if (value.frame, value.offset) == (place.frame, place.offset) else value

    state.rewrite(change)
    state.iterators -= {at}
    stack.unwrite(state, at, BYTES)
    _return(state, CLOBBERED)


def _split(state: State, ways: Sequence[_Way]) -> list[tuple[_Way, State]]:
    """A state for each way; the last one takes over ``state``."""
    return [*((way, state.copy()) for way in ways[:-1]), (ways[-1], state)]


def _store(state: State, at: int, last: Number, end: Number) -> None:
    stack.write(state, at, ELEMENT_BYTES, scalar(last))
    stack.write(state, at + ELEMENT_BYTES, ELEMENT_BYTES, scalar(end))


def _return(state: State, result: Value) -> None:
    for register in range(1, 6):
        state.set(register, CLOBBERED)
    state.set(0, result)


def check_untouched(state: State, register: int, low: int, high: int) -> None:
    """Raise if an access to the stack addresses [low, high) touches an iterator."""
    for at in state.iterators:
        if at < high and low < at + BYTES:
            raise Failure(
                Category.ITERATOR,
                f"the iterator at {stack.name(at)} is accessed as ordinary stack",
                "leave it to its functions, and read the number through the pointer that bpf_iter_num_next gives",
                register,
            )


def check_element(register: int, offset: int, size: int) -> None:
    """Raise unless bytes [offset, offset + size) are of the number that an iterator gave."""
    if offset < 0 or offset + size > ELEMENT_BYTES:
        raise Failure(
            Category.ITERATOR,
            f"bytes [{offset}, {offset + size}) of a number of {ELEMENT_BYTES} bytes that an iterator gave",
            "read the whole number",
            register,
        )


def check_ended(state: State, lowest: int, what: str) -> None:
    """Raise if there is an iterator at or above a stack address."""
    if left := [at for at in state.iterators if at >= lowest]:
        raise Failure(
            Category.ITERATOR,
            f"{what} while the iterator at {stack.name(min(left))} was not ended",
            "call bpf_iter_num_destroy on every path",
        )
