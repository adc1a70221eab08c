"""What line rate asks of the datapath's clock."""

from __future__ import annotations

import pytest
from hardpath.boards.board import BOARDS
from hardpath.boards.needs import MAX_FRAME, WIDTH, interval, needed_mhz
from hardpath.hdl.errors import Refused
from hardpath.hdl.line_rate import slot_bits
from hardpath.hdl.target import Target


@pytest.mark.parametrize("ports", [1, 2])
@pytest.mark.parametrize("cycles", [1, 9, 20])
def test_no_length_needs_more(ports, cycles):
    """Against each length by itself."""
    target = Target(width=WIDTH, max_frame=MAX_FRAME)
    every = [1000 * ports * max(cycles, -(-size // WIDTH)) / slot_bits(size) for size in range(60, MAX_FRAME + 1)]
    assert max(every) <= needed_mhz(target, ports, cycles) <= max(every) * 1.0003


def test_the_clock_of_each_board_is_enough_for_the_interval_that_it_leaves():
    target = Target(width=WIDTH, max_frame=MAX_FRAME)
    for board in BOARDS.values():
        cycles = interval(board.clock_mhz, board.ports)
        assert needed_mhz(target, board.ports, cycles) <= board.clock_mhz
        assert board.clock_mhz < needed_mhz(target, board.ports, cycles + 1)
    with pytest.raises(Refused, match="2 ports bring in more than a frame a cycle at 1 MHz"):
        interval(1, 2)
