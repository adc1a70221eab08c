"""Verification of functions: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import FP, Assembler, Label
from verify_programs import CASES, Write, callee, leave


def _call(body: Write, before: Write | None = None) -> Write:
    def write(a: Assembler) -> None:
        function = Label()
        if before:
            before(a)
        a.call_local(function)
        leave(a)
        callee(write, a, function)
        body(a)

    return write


def _returns_its_stack(a):
    a.move(0, src=FP)
    a.exit()


def _writes_the_callers_stack(a):
    a.store(8, 1, -8, imm=7)
    a.move(0, imm=0)
    a.exit()


def _pass_the_stack(a):
    a.move(1, src=FP)


def _uses_r6(a):
    a.move(0, src=6)
    a.exit()


def _set_r6(a):
    a.move(6, imm=1)


def _recurses(a):
    a.emit(0x85, src=1, imm=-1)
    a.exit()


def _uses_300_bytes(a):
    a.store(8, FP, -304, imm=0)
    a.move(0, imm=0)
    a.exit()


def _use_300_bytes(a):
    a.store(8, FP, -304, imm=0)


CASES["a_function_writes_its_callers_stack"] = "ok", _call(_writes_the_callers_stack, _pass_the_stack)
CASES["a_function_returns_its_stack"] = "invalid call", _call(_returns_its_stack)
CASES["a_function_does_not_see_r6"] = "unreadable register", _call(_uses_r6, _set_r6)
CASES["a_function_calls_itself"] = "invalid call", _call(_recurses)
CASES["functions_share_512_bytes"] = "invalid stack access", _call(_uses_300_bytes, _use_300_bytes)
