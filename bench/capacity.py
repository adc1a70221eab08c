"""How many entries of each map type the block memory of an ECP5 holds: by the estimate, and confirmed by yosys.

    python bench/capacity.py [--confirm TYPE:KEY:VALUE:DEVICE ...] [--memories TYPE:KEY:VALUE:DEVICE ...] [--write]

Each map is alone in the device, with what a program does that uses all of its type: looks up, reads, changes in
place, and inserts in one branch or deletes in another. ``--confirm`` synthesizes one such map at the limit found,
``--memories`` only its memories, which takes seconds instead of minutes (``--memories all``: every cell of the table
that has none yet); what came out is kept in ``bench/results/capacity.json``. ``--write`` writes docs/capacity.md. Takes
the Yosys that `hardpath build` takes (`make test` installs one).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import output
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from hardpath.codegen.emit import area, verilog
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.area import DEVICES, Area, Device
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps.linux import BPF_F_NO_PREALLOC
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.slot_table import SlotTable
from synthesis import cells, synthesize

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

SAME = ("type", "key", "value", "device")
"""What tells one result from another."""

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


def confirm(name: str, key_size: int, value_size: int, entries: int) -> dict[str, Any]:
    """The same map as yosys makes it."""
    made = synthesize(without_contents(verilog(unit(spec_of(name, key_size, value_size, entries)), "hardpath")))
    return {"made": made.figures()}


class Memories(wiring.Component):
    """The memories of a unit without all else, every port going outside."""

    def __init__(self, found: list[Memory]) -> None:
        self._found = found
        inputs: dict[str, Value] = {}
        outputs: dict[str, Value] = {}
        for number, ram in enumerate(found):
            for kind, ports in (("w", ram.write_ports), ("r", ram.read_ports)):
                for index, port in enumerate(ports):
                    name = f"m{number}_{kind}{index}"
                    inputs |= {f"{name}_addr": port.addr, f"{name}_en": Value.cast(port.en)}
                    (inputs if kind == "w" else outputs)[f"{name}_data"] = Value.cast(port.data)
        self._inputs = {name: value for name, value in inputs.items() if isinstance(value, Signal)}  # no constants
        self._outputs = outputs
        super().__init__(
            {name: In(len(value)) for name, value in self._inputs.items()}
            | {name: Out(len(value)) for name, value in self._outputs.items()}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules += self._found
        m.d.comb += [value.eq(getattr(self, name)) for name, value in self._inputs.items()]
        m.d.comb += [getattr(self, name).eq(value) for name, value in self._outputs.items()]
        return m


def without_contents(text: str) -> str:
    """Verilog in which memories begin as they like: it decides nothing here, and takes yosys minutes."""
    return re.sub(r"^    for \(i = 0; .*\n", "", text, flags=re.MULTILINE)


def block_rams(name: str, key_size: int, value_size: int, entries: int) -> int:
    """Those that yosys makes of the memories of a map's unit."""
    hardware = unit(spec_of(name, key_size, value_size, entries))
    found = [ram for _, ram in area.memories(hardware)]
    text = without_contents(verilog(Memories(found), "hardpath"))
    return cells(text, "synth_ecp5 -run begin:map_gates")["DP16KD"]  # what comes behind makes LUTs


def figures(name: str, key_size: int, value_size: int, entries: int) -> dict[str, int]:
    """What a map takes by the estimate."""
    found = estimate(name, key_size, value_size, entries)
    assert found is not None
    return found.figures()


def rows(made: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Of the table; ``made``: results of `--memories`."""
    known = {tuple(one[part] for part in (*SAME, "entries")): one["block_rams"] for one in made}
    for names, sizes in SIZES.items():
        for key_size, value_size in sizes:
            cells = []
            for device in DEVICES:
                entries = limit(names[0], key_size, value_size, device)
                found = known.get((names[0], key_size, value_size, device.name, entries))
                assert found is None or found <= device.block_rams, f"{names[0]} does not fit {device.name}"
                cells.append(f"{entries:,} ({'estimate' if found is None else found})" if entries else "-")
            yield [", ".join(names), str(key_size or "-"), str(value_size), *cells]


def page(results: dict[str, list[dict[str, Any]]]) -> str:
    """docs/capacity.md."""

    def beside(one: dict[str, Any], resource: str) -> str:
        wanted = figures(one["type"], one["key"], one["value"], one["entries"])
        return f"{wanted[resource]:,} / {one['made'][resource]:,}"

    return "\n".join(
        [
            "# How much state fits",
            "",
            "Entries that fit the block memory (and LUTs) of an ECP5 with the map alone in it; in brackets, the",
            "block RAMs that yosys (`synth_ecp5`) makes of its memories. One entry more, and `hardpath compile`",
            f"estimates more than the {_listed(device.block_rams for device in DEVICES)} block RAMs, or the LUTs, that",
            "there are. The program looks up, reads, changes a value in place, and inserts in one branch or deletes in",
            "another, at a frame a cycle; every further read takes a copy of the memory, and the report of",
            "`hardpath compile` tells how many there are. Sizes are bytes. Made by `python bench/capacity.py --write`.",
            "",
            *output.table(["type", "key", "value", *(device.name for device in DEVICES)], rows(results["memories"])),
            "",
            "A hash map has twice the slots or more, so that any `max_entries` keys fit and searches stay short, and",
            "its keys twice, as lookups and changes read them in different stages; an LRU map has 128 to 512 entries",
            "more inside, or what a deep program can insert at a time. An LPM trie has a memory for each two bits of",
            "the prefix. `perf_event_array` and `ringbuf` keep nothing on the chip.",
            "",
            "Whole units by yosys (`bench/results/capacity.json`): estimated / made. Block RAMs are predicted; the",
            "logic of hash maps and tries was fitted to what yosys made of these two.",
            "",
            *output.table(
                ["type", "key", "value", "device", "entries", "block RAMs", "LUT4", "flip-flops"],
                [
                    [*(str(one[part]) for part in SAME), f"{one['entries']:,}"]
                    + [beside(one, resource) for resource in ("block_rams", "lut4", "flip_flops")]
                    for one in results["units"]
                ],
            ),
            "",
        ]
    )


def _listed(numbers: Iterable[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--confirm", action="append", default=[], metavar="TYPE:KEY:VALUE:DEVICE")
    parser.add_argument("--memories", action="append", default=[], metavar="TYPE:KEY:VALUE:DEVICE")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    devices = {device.name: device for device in DEVICES}
    results: dict[str, list[dict[str, Any]]] = json.loads(RESULTS.read_text())

    def keep(kind: str, wanted: tuple[str, int, int, str], entries: int, found: dict[str, Any]) -> None:
        """Say a result and put it into the file."""
        result = dict(zip(SAME, wanted, strict=True)) | {"entries": entries} | found
        print(result, flush=True)
        results[kind] = [one for one in results[kind] if tuple(one[part] for part in SAME) != wanted] + [result]
        output.keep(RESULTS, results)

    for text in arguments.confirm:
        name, key_size, value_size, device = _wanted(text)
        entries = limit(name, key_size, value_size, devices[device])
        keep("units", (name, key_size, value_size, device), entries, confirm(name, key_size, value_size, entries))
    for name, key_size, value_size, device in _memories(arguments.memories):
        entries = limit(name, key_size, value_size, devices[device])
        known = {tuple(one[part] for part in (*SAME, "entries")) for one in results["memories"]}
        if entries and (name, key_size, value_size, device, entries) not in known:
            found = {"block_rams": block_rams(name, key_size, value_size, entries)}
            keep("memories", (name, key_size, value_size, device), entries, found)
    if arguments.write:
        PAGE.write_text(page(results))
    if not (arguments.confirm or arguments.memories or arguments.write):
        for row in rows(results["memories"]):
            print(*row, sep="\t")


def _wanted(text: str) -> tuple[str, int, int, str]:
    name, key_size, value_size, device = text.split(":")
    return name, int(key_size), int(value_size), device


def _memories(texts: list[str]) -> Iterator[tuple[str, int, int, str]]:
    for text in texts:
        if text != "all":
            yield _wanted(text)
            continue
        for device in DEVICES:
            yield from ((names[0], *sizes, device.name) for names, some in SIZES.items() for sizes in some)


if __name__ == "__main__":
    output.command(main)
