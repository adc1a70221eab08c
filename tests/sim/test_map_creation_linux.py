"""Flags with which maps are created: hardware has those that the running kernel creates, and no others."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps.linux import BPF_F_NO_PREALLOC, BPF_F_WRONLY_PROG, MAP_FLAG_NAMES
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.slot_table import SlotTable
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

ARRAY = 2
SINGLE = [1 << bit for bit in range(32)]
PAIRS = [one | other for one, other in itertools.combinations(MAP_FLAG_NAMES, 2)]
SIZES = {"lpm_trie": (8, 4, 1), "ringbuf": (0, 0, 4096), **dict.fromkeys(("queue", "stack", "bloom_filter"), (0, 4, 1))}
"""Of key and value, and entries, of types that have no others."""


@contextmanager
def inner_map(needed: bool) -> Iterator[int]:
    """The descriptor of an array, 0 if none is needed."""
    descriptor = bpf.map_create(ARRAY, 4, 4, 1, 0, "inner") if needed else 0
    try:
        yield descriptor
    finally:
        if needed:
            os.close(descriptor)


def creates(spec: MapSpec, inner: int) -> bool:
    """Whether Linux does."""
    try:
        sizes = (spec.key_size, spec.value_size, spec.max_entries)
        os.close(bpf.map_create(spec.type, *sizes, spec.flags, "m", inner=inner))
    except OSError:
        return False
    return True


def refusal(spec: MapSpec) -> Refused | None:
    """Why hardware does not have it."""
    try:
        MAP_TYPES[spec.type].check(spec)
    except Refused as refused:
        return refused
    return None


@pytest.mark.parametrize("number", MAP_TYPES, ids=lambda number: MAP_TYPES[number].name)
def test_maps_have_the_flags_that_linux_creates_them_with(number: int) -> None:
    """Each alone and all pairs; with the one that a trie must have, too."""
    plugin = MAP_TYPES[number]
    sizes = SIZES.get(plugin.name, (4, 4, 1))
    plain = MapSpec("its_name", number, *sizes, table=SlotTable(("inner",), others=(1,)))
    created = 0
    with inner_map(plugin.holds_maps) as inner:
        for base in (0, BPF_F_NO_PREALLOC) if plugin.name == "lpm_trie" else (0,):
            for flags in (0, *SINGLE, *PAIRS):
                spec = replace(plain, flags=base | flags)
                refused, in_linux = refusal(spec), creates(spec, inner)
                created += in_linux
                if not in_linux:
                    assert refused is not None and "so Linux cannot create it" in refused.reason, hex(spec.flags)
                elif spec.flags & BPF_F_WRONLY_PROG:  # which no hardware has
                    assert refused is not None and "hardware has no maps" in refused.reason
                else:
                    assert refused is None, f"{refused.reason}, but it does"
    assert created > 1


@pytest.mark.parametrize("number", MAP_TYPES, ids=lambda number: MAP_TYPES[number].name)
def test_who_has_a_wrong_flag_is_told_map_and_flag(number: int) -> None:
    plugin = MAP_TYPES[number]
    base = BPF_F_NO_PREALLOC if plugin.name == "lpm_trie" else 0
    plain = MapSpec("its_name", number, *SIZES.get(plugin.name, (4, 4, 1)), table=SlotTable(("inner",), others=(1,)))
    for flag in SINGLE:
        refused = refusal(replace(plain, flags=base | flag))
        if refused is not None:
            assert plugin.name in refused.reason and "its_name" in refused.reason
            assert MAP_FLAG_NAMES.get(flag, hex(flag)) in refused.reason
            assert "map_flags" in refused.remedy
