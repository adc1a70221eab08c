"""The area estimate: what it must get right for "does it fit?" to mean something."""

from __future__ import annotations

import json
from pathlib import Path

import capacity
import pytest
from hardpath.codegen.elf import load, select, with_map_size
from hardpath.codegen.emit import area as area_module
from hardpath.codegen.emit import ports as ports_module
from hardpath.codegen.flow import Design, compile_program
from hardpath.hdl.area import DEVICES, Area, block_rams, memory
from hardpath.hdl.operators import OPERATORS
from hardpath.hdl.target import Target

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
RESULTS = json.loads(capacity.RESULTS.read_text())
TABLE = [[cell.strip() for cell in line.strip("|").split("|")] for line in capacity.PAGE.read_text().splitlines()]


def design(name: str, width: int = 64, **sizes: int) -> Design:
    spec = load(EXAMPLES / name / f"{name}.o")
    for each, entries in sizes.items():
        spec = with_map_size(spec, each, entries)
    return compile_program(spec, select(spec), Target(width=width))


def total(made: Design) -> Area:
    return sum(made.area.values(), Area())


def test_registers_between_stages_are_those_of_the_verilog():
    """mac_swap has no delay memories, so every bit is a register; 8 bits of each window byte that it carries."""
    made = design("mac_swap")
    window, stages = 8 * made.graph.window, made.schedule.stages
    assert window * stages <= made.area["stages"].flip_flops <= (window + 100) * stages


def test_a_wider_beat_and_a_larger_map_take_more():
    narrow, wide = total(design("drop", 16)), total(design("drop", 64))
    assert narrow.flip_flops < wide.flip_flops and narrow.block_rams < wide.block_rams
    small, large = (total(design("source_counter", sources=entries)) for entries in (256, 65536))
    assert small.block_rams + small.flip_flops / 18432 < large.block_rams + large.flip_flops / 18432


def test_what_no_device_holds_is_told_by_its_scarcest_resource():
    share, resource = DEVICES[-1].share(Area(lut4=10, block_rams=40 * DEVICES[-1].block_rams))
    assert (share, resource) == (40, "block RAM")


@pytest.mark.parametrize(
    "depth, width, blocks", [(512, 36, 1), (512, 37, 2), (1024, 18, 1), (16384, 1, 1), (128, 512, 15)])
def test_block_memories_are_counted_in_their_best_shape(depth, width, blocks):
    assert memory(width, depth, 1, 1).block_rams == blocks
    assert memory(width, depth, 3, 1).block_rams == 3 * blocks


def test_bytes_written_each_by_itself_take_nine_bits_of_a_block_memory():
    """Measured: yosys makes 16 DP16KD of 64 rows of 64 bytes, 5 of 512 rows of four slots of 41 bits."""
    assert (block_rams(512, 64, 64), block_rams(512, 64)) == (16, 15)
    assert block_rams(164, 512, 4) == 5


def test_a_small_memory_takes_no_block_memory_and_only_reads_at_the_edge_of_a_write_cost_registers():
    assert memory(32, 16, 1).block_rams == memory(8, 100, 1).block_rams == 0
    assert memory(32, 64, 1) == Area(block_rams=1)
    assert memory(10, 128, 2).block_rams == 2
    assert memory(37, 46, 1, asynchronous=1).block_rams == 0
    assert memory(32, 1024, 1, transparent=1).flip_flops < memory(32, 1024, 1, old=1).flip_flops


def test_a_memory_with_two_writers_is_made_of_registers():
    assert memory(32, 1024, 1, 2).flip_flops == 32 * 1024


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_tells_a_size_and_constants_never_make_it_larger(name):
    operator, width = OPERATORS[name], 32
    for arity, widths in ((1, [32]), (2, [32, 32]), (3, [1, 32, 32]), (2, [16, 16])):
        if operator.problem(1 if name in ("eq", "ult", "slt") else width, widths, 0):
            continue
        free = operator.area(width, widths, [None] * arity)
        bound = operator.area(width, widths, [None] * (arity - 1) + [5])
        assert 0 <= bound.lut4 <= free.lut4
        assert bound.multipliers <= free.multipliers


def cell(made):
    """What the capacity table says of a result's map and device."""
    sizes = [str(made["key"] or "-"), str(made["value"])]
    row = next(row for row in TABLE if made["type"] in row[0].split(", ") and row[1:3] == sizes)
    return row[3 + [device.name for device in DEVICES].index(made["device"])]


@pytest.mark.parametrize("made", RESULTS["units"], ids=lambda made: f"{made['type']}-{made['device']}")
def test_maps_take_the_block_memories_that_yosys_gave_them_at_the_limits_of_the_capacity_table(made):
    key = ("type", "key", "value", "entries")
    estimated = capacity.estimate(*(made[name] for name in key))
    assert estimated.block_rams == made["made"]["block_rams"]
    assert made["made"]["lut4"] / 3 < estimated.lut4 < 3 * made["made"]["lut4"] or made["type"] == "bloom_filter"
    device = next(device for device in DEVICES if device.name == made["device"])
    assert made["made"]["block_rams"] <= device.block_rams
    assert cell(made).split(" (")[0] == f"{made['entries']:,}"


def test_cells_of_the_capacity_table_rest_on_memories_that_yosys_made_or_say_that_they_do_not():
    for made in RESULTS["memories"]:
        assert cell(made) == f"{made['entries']:,} ({made['block_rams']})"
        estimated = capacity.estimate(*(made[name] for name in ("type", "key", "value", "entries")))
        # Never too few; at most 5 % too many, where yosys keeps the rest of a wide row in less, or one for 65 rows.
        assert made["block_rams"] <= estimated.block_rams <= 1.05 * made["block_rams"] + 1
    assert {(made["type"], made["device"]) for made in RESULTS["memories"]} == {
        (names[0], device.name) for names in capacity.SIZES for device in DEVICES
    }
    cells = [each for row in TABLE if len(row) == 6 and row[1] != "key" and "---" not in row for each in row[3:]]
    assert len(cells) == 54
    assert len(RESULTS["memories"]) == sum(each != "-" and "estimate" not in each for each in cells)


def test_asking_again_what_a_pipeline_takes_elaborates_nothing_again(monkeypatch):
    """Reports ask for the ports of each map, one after the other."""
    made, elaborated = design("router"), []
    plain = area_module.memories
    for module in (area_module, ports_module):
        monkeypatch.setattr(module, "memories", lambda unit: elaborated.append(unit) or plain(unit))
    for name in made.maps:
        assert made.pipeline.ports[name].memories and made.area[f"map {name}"]
    units = {id(unit) for unit in elaborated}
    assert len(units) >= len(made.maps) > 1 and len(elaborated) <= 2 * len(units)
