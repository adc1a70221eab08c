"""How the time from one frame to the next is divided between stages and maps."""

from __future__ import annotations

import gc
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.hdl import Fragment, Module, UnusedElaboratable
from hardpath.codegen.emit import divisions, emit
from hardpath.codegen.flow import Design, compile_program
from hardpath.hdl.area import DEVICES, Area
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.target import Target
from hardpath.sim.program import open_object

EXAMPLES = Path(__file__).parents[2] / "examples"
INTERVAL = 13
TARGET = Target(clock_mhz=41.667, width=8, max_frame=1518, ii=INTERVAL)


def compiled(name: str, target: Target = TARGET) -> Design:
    spec = open_object(EXAMPLES / name / f"{name}.o")
    return compile_program(spec, spec.programs[0], target)


def share(pipeline) -> float:
    return DEVICES[0].share(sum(pipeline.area.values(), Area()))[0]


@pytest.mark.parametrize("name", ["tunnel", "source_counter", "firewall"])
def test_the_smallest_hardware_is_made_that_the_time_is_enough_for(name):
    design = compiled(name)
    assert design.worst_cycles <= INTERVAL
    shares = {}
    for ii in range(1, min(INTERVAL, design.schedule.stages) + 1):
        plan = replace(design.schedule, ii=ii)
        made = emit(design.graph, plan, design.maps, width=8, max_frame=1518, queue=design.queue, frame_cycles=INTERVAL)
        if made.worst_cycles <= INTERVAL:
            shares[ii] = share(made)
    # What another queue than its own takes is nearly nothing.
    assert share(design.pipeline) <= min(shares.values()) * 1.01


def test_maps_get_time_from_stages_that_gain_less_by_it():
    """The tunnel's hash map takes half of its memory if keys are compared one after the other."""
    design = compiled("tunnel")
    stages_first = replace(design.schedule, ii=min(INTERVAL, design.schedule.stages))
    found = divisions(design.graph, stages_first, design.maps, MAP_TYPES, INTERVAL)
    assert found[0].ii == stages_first.ii > design.schedule.ii and design.schedule.ii in [plan.ii for plan in found]
    assert [plan.ii for plan in found] == sorted({plan.ii for plan in found}, reverse=True)


def test_without_maps_that_could_take_longer_there_is_one_division():
    design = compiled("mac_swap")
    assert divisions(design.graph, design.schedule, design.maps, MAP_TYPES, INTERVAL) == [design.schedule]
    assert design.schedule.ii == min(INTERVAL, design.schedule.stages)


@pytest.mark.parametrize("name", ["tunnel", "source_counter", "router", "load_balancer", "bypass"])
def test_hardware_that_is_not_chosen_goes_without_a_word(name):
    Fragment.get(Module(), None)  # before anything is used Amaranth warns of nothing
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        design = compiled(name)
        del design
        gc.collect()
    assert not [each for each in said if each.category is UnusedElaboratable]
