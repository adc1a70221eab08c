"""Maps that only the host fills: hardware has those that the running kernel creates."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.slot_table import SlotTable
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

ARRAY = 2
FLAGS = [0, *(1 << bit for bit in range(18)), 1 << 3 | 1 << 4]
KINDS = ("prog_array", "perf_event_array", "array_of_maps", "devmap", "devmap_hash", "cpumap", "xskmap")


def creates(spec: MapSpec) -> bool:
    """Whether Linux does."""
    inner = bpf.map_create(ARRAY, 4, 4, 1, 0, "inner") if MAP_TYPES[spec.type].holds_maps else 0
    try:
        sizes = (spec.key_size, spec.value_size, spec.max_entries)
        os.close(bpf.map_create(spec.type, *sizes, spec.flags, "m", inner=inner))
    except OSError:
        return False
    finally:
        if inner:
            os.close(inner)
    return True


def takes(spec: MapSpec) -> bool:
    """Whether hardware does."""
    try:
        MAP_TYPES[spec.type].check(spec)
    except Refused as refused:
        assert "Linux cannot create it" in refused.reason
        return False
    return True


@pytest.mark.parametrize("name", KINDS)
def test_maps_have_the_flags_that_linux_creates_them_with(name: str) -> None:
    (number,) = (number for number, plugin in MAP_TYPES.items() if plugin.name == name)
    plain = MapSpec("m", number, 4, 4, 1, table=SlotTable(("inner",), others=(1,)))
    taken = [flags for flags in FLAGS if takes(replace(plain, flags=flags))]
    assert taken == [flags for flags in FLAGS if creates(replace(plain, flags=flags))] != []
