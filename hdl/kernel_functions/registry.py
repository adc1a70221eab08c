"""All kernel functions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .base import KernelFunction
from .iter_num import IterNumDestroy, IterNumNew, IterNumNext

_ALL: tuple[KernelFunction, ...] = (IterNumNew(), IterNumNext(), IterNumDestroy())

KERNEL_FUNCTIONS: Mapping[str, KernelFunction] = MappingProxyType({function.name: function for function in _ALL})
"""Name -> plug-in."""
