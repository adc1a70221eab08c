"""What outcomes wait in while a long frame is sent: as wide as a window, or words of a block memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hardpath.codegen.elf import select
from hardpath.codegen.flow import Design, compile_program
from hardpath.hdl.target import Target
from hardpath.sim.program import open_object

EXAMPLES = Path(__file__).parents[2] / "examples"
SLOW = Target(clock_mhz=41.667, width=8, max_frame=1518, ii=13)


def design(name: str, target: Target) -> Design:
    spec = open_object(EXAMPLES / name / f"{name}.o")
    return compile_program(spec, select(spec), target)


def luts(made: Design) -> float:
    return sum(area.lut4 for area in made.area.values())


def blocks(made: Design) -> float:
    return sum(area.block_rams for area in made.area.values())


def test_long_windows_wait_in_block_memories_if_these_are_there() -> None:
    narrow = design("firewall", SLOW)
    needed = blocks(narrow)
    assert (narrow.queue, narrow.outcomes) == (1, 15)
    assert design("firewall", replace(SLOW, block_rams=needed)).outcomes == 15
    wide = design("firewall", replace(SLOW, block_rams=needed - 1))
    assert (wide.queue, wide.outcomes) == (15, 0)
    assert luts(narrow) < luts(wide)


def test_the_choice_counts_the_block_memories_of_the_whole() -> None:
    fewest = blocks(design("tunnel", SLOW))
    assert blocks(design("tunnel", replace(SLOW, block_rams=fewest))) == fewest


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mac_swap", {}),  # the window is so short that it is smaller
        ("firewall", {"ii": 10}),  # words would come too slowly
    ],
)
def test_otherwise_they_wait_as_they_are(name: str, changed: dict[str, int]) -> None:
    made = design(name, replace(SLOW, **changed))
    assert made.queue > 1 and made.outcomes == 0


def test_frames_come_no_closer_than_their_words() -> None:
    made = design("count_protocols", replace(SLOW, ii=11))
    assert made.outcomes > 0
    assert (made.frame_cycles, made.worst_cycles) == (11, 11) > (made.pipeline.frame_cycles, made.pipeline.worst_cycles)
