"""Stacks (kernel/bpf/queue_stack_maps.c): the value that was pushed last goes first."""

from __future__ import annotations

from .queue import Queue


class Stack(Queue):
    type = 23
    name = "stack"
    summary = "values of which the one pushed last goes first, by program and host"
    newest_first = True
