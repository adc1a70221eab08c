"""What a kernel function declares. All there are so far make, step and end iterators on the program's stack."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from ..helpers.base import CallLowering, Machine


class Act(enum.Enum):
    """What a function does with the iterator that its first argument points to (kernel: KF_ITER_NEW ...)."""

    NEW = "begins it"
    NEXT = "takes the next element"
    DESTROY = "ends it"


class KernelFunction(ABC):
    """A kernel function. ``arguments``: what it takes, for the capability table; the first is the iterator, others are
    numbers."""

    name: str  # "bpf_iter_num_new"
    summary: str  # one line for the capability table
    arguments: tuple[str, ...]
    act: Act

    @abstractmethod
    def reference(self, machine: Machine, args: Sequence[int]) -> int | None:
        """What the call does and returns (unsigned 64-bit), as in Linux; None if it returns nothing."""

    @abstractmethod
    def lower(self, call: CallLowering) -> Any:
        """The call as dataflow. NEW: the 64-bit result; NEXT: 1 bit, whether there is an element; DESTROY: None."""
