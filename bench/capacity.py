"""How many entries of each map type the block memory of an ECP5 holds: by the estimate, and confirmed by yosys.

    python bench/capacity.py [--confirm TYPE:KEY:VALUE:DEVICE ...] [--write]

Each map is alone in the device, with what a program does that uses all of its type: looks up, reads, changes in
place, and inserts in one branch or deletes in another. ``--confirm`` synthesizes one such map at the limit found and
keeps what came out in ``bench/results/capacity.json``; ``--write`` writes docs/capacity.md. Takes the
Yosys that `hardpath build` takes (`make test` installs one).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import output
from hardpath.codegen.emit import area, verilog
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.area import DEVICES, Area, Device
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps.linux import BPF_F_NO_PREALLOC
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.slot_table import SlotTable
from synthesis import synthesize

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "capacity.json"
PAGE = ROOT / "docs" / "capacity.md"
MOST = 1 << 24
"""Entries up to which a limit is looked for."""

SIZES: dict[tuple[str, ...], tuple[tuple[int, int], ...]] = {
    ("array", "percpu_array"): ((4, 8), (4, 64), (4, 256)),
    ("hash", "percpu_hash"): ((4, 8), (16, 16), (16, 64)),
    ("lru_hash", "lru_percpu_hash"): ((4, 8), (16, 16), (16, 64)),
    ("lpm_trie",): ((8, 4), (8, 16), (20, 16)),
    ("queue", "stack"): ((0, 8), (0, 64)),
    ("bloom_filter",): ((0, 4), (0, 16)),
    ("devmap", "cpumap", "xskmap", "prog_array", "array_of_maps"): ((4, 4),),
    ("devmap_hash", "hash_of_maps"): ((4, 4),),
}
"""Types with the same hardware -> bytes of key and value. Those that keep nothing on the chip (perf_event_array,
ringbuf) are not here."""

TYPES = {plugin.name: plugin for plugin in MAP_TYPES.values()}


def spec_of(name: str, key_size: int, value_size: int, entries: int) -> MapSpec:
    """A map."""
    flags = BPF_F_NO_PREALLOC if name == "lpm_trie" else 0
    plugin = TYPES[name]
    table = SlotTable(("one",), others=(1,)) if plugin.holds_maps or "tail_call" in plugin.operations else None
    return MapSpec("m", plugin.type, key_size, value_size, entries, flags, table=table)


def unit(spec: MapSpec) -> Any:
    """The hardware, with a port for each operation of the type."""
    graph = Graph(window=256)
    c, plugin = Construct(graph), MAP_TYPES[spec.type]
    window, one, flags = c.input("window", 8 * 256), c.const(1, 1), c.const(0, 64)
    key, value = (c.slice(window, 0, 8 * max(1, size)) for size in (spec.key_size, spec.value_size))
    operations = plugin.operations
    if plugin.holds_maps:
        plugin.lower_map(c, spec, one, key)
    elif "lookup" in operations:
        entry = plugin.lower_lookup(c, spec, one, key)
        if plugin.values_readable and all(node.attr.kind.name != "read" for node in graph.nodes if node.op == "site"):
            c.site(spec.name, plugin.read_kind(spec), entry.found, entry.address, entry.tag)
        if plugin.values_writable:
            size = plugin.row_bytes(spec)
            row, mask = c.slice(window, 0, 8 * size), c.const((1 << size) - 1, size)
            c.site(spec.name, plugin.write_kind(spec), entry.found, entry.address, entry.tag, row, mask)
    if spec.type != TYPES["lpm_trie"].type:  # mostly the host's business there
        if "update" in operations:
            plugin.lower_update(c, spec, one, key, value, flags)
        if "delete" in operations:
            plugin.lower_delete(c, spec, one, key)
    if "push" in operations:
        plugin.lower_push(c, spec, one, value, flags)
    if "pop" in operations:
        plugin.lower_pop(c, spec, one)
    if "peek" in operations and "pop" not in operations:
        plugin.lower_peek(c, spec, one, value)
    if "redirect" in operations and "lookup" not in operations:
        plugin.lower_redirect(c, spec, one, key)
    if "tail_call" in operations:
        plugin.lower_program(c, spec, one, key)
    kinds = dict.fromkeys(node.attr.kind for node in graph.nodes if node.op == "site")
    return plugin.hardware(spec, list(kinds))


@cache
def estimate(name: str, key_size: int, value_size: int, entries: int) -> Area | None:
    """What it takes; None if the map is refused."""
    spec = spec_of(name, key_size, value_size, entries)
    try:
        MAP_TYPES[spec.type].check(spec)
    except Refused:
        return None
    return area.unit(unit(spec))


def limit(name: str, key_size: int, value_size: int, device: Device) -> int:
    """The most entries that fit."""

    def fits(entries: int) -> bool:
        taken = estimate(name, key_size, value_size, entries)
        return taken is not None and device.share(taken)[0] <= 1

    low, high = 0, 1
    while high < MOST and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def confirm(name: str, key_size: int, value_size: int, device: Device) -> dict[str, Any]:
    """The same map as yosys makes it. Contents after reset decide nothing here, and take yosys minutes."""
    entries = limit(name, key_size, value_size, device)
    text = verilog(unit(spec_of(name, key_size, value_size, entries)), "hardpath")
    made = synthesize(re.sub(r"^    for \(i = 0; .*\n", "", text, flags=re.MULTILINE))
    return {
        "type": name,
        "key": key_size,
        "value": value_size,
        "device": device.name,
        "entries": entries,
        "made": made.figures(),
    }


def rows() -> Iterator[list[str]]:
    """Of the table."""
    for names, sizes in SIZES.items():
        for key_size, value_size in sizes:
            entries = [limit(names[0], key_size, value_size, device) for device in DEVICES]
            yield [", ".join(names), str(key_size or "-"), str(value_size), *(f"{n:,}" if n else "-" for n in entries)]


def page(confirmed: list[dict[str, Any]]) -> str:
    """docs/capacity.md."""

    def estimated(one: dict[str, Any]) -> dict[str, int]:
        found = estimate(one["type"], one["key"], one["value"], one["entries"])
        assert found is not None
        return found.figures()

    resources = ("block_rams", "lut4", "flip_flops")
    return "\n".join(
        [
            "# How much state fits",
            "",
            "Entries that fit the block memory (and LUTs) of an ECP5 with the map alone in it, by the estimate of",
            "`hardpath compile`. The program looks up, reads, changes a value in place, and inserts in one branch or",
            "deletes in another, at a frame a cycle; every further read takes a copy of the memory, and the report of",
            "`hardpath compile` tells how many there are. Sizes are bytes. Made by `python bench/capacity.py --write`.",
            "",
            *output.table(["type", "key", "value", *(device.name for device in DEVICES)], rows()),
            "",
            "A hash map has twice the slots or more, so that any `max_entries` keys fit and searches stay short, and",
            "its keys twice, as lookups and changes read them in different stages; an LRU map has 128 to 512 entries",
            "more inside. An LPM trie has a memory for each two bits of the prefix. `perf_event_array` and `ringbuf`",
            "keep nothing on the chip.",
            "",
            "Confirmed by yosys (`synth_ecp5` of the unit alone, `bench/results/capacity.json`): estimated / made.",
            "Block RAMs are predicted; the logic of hash maps and tries was fitted to what yosys made of these two.",
            "",
            *output.table(
                ["type", "key", "value", "device", "entries", "block RAMs", "LUT4", "flip-flops"],
                [
                    [str(one[name]) for name in ("type", "key", "value", "device")]
                    + [f"{one['entries']:,}"]
                    + [f"{estimated(one)[name]:,} / {one['made'][name]:,}" for name in resources]
                    for one in confirmed
                ],
            ),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--confirm", action="append", default=[], metavar="TYPE:KEY:VALUE:DEVICE")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    devices = {device.name: device for device in DEVICES}
    confirmed: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for wanted in arguments.confirm:
        name, key_size, value_size, device = wanted.split(":")
        result = confirm(name, int(key_size), int(value_size), devices[device])
        print(result)
        same = ("type", "key", "value", "device")
        confirmed = [one for one in confirmed if any(one[part] != result[part] for part in same)] + [result]
        RESULTS.parent.mkdir(exist_ok=True)
        output.keep(RESULTS, confirmed)
    if arguments.write:
        PAGE.write_text(page(confirmed))
    if not arguments.confirm:
        for row in rows():
            print(*row, sep="\t")


if __name__ == "__main__":
    output.command(main)
