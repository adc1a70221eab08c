"""The PLL's dividers."""

from __future__ import annotations

import pytest
from hardpath.boards.board import BOARDS
from hardpath.boards.clocks import COMPARED_MHZ, MAX_DIVIDER, VCO_MHZ, plan
from hardpath.hdl.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

OSCILLATORS = [25, 30, 100]


@given(st.sampled_from(OSCILLATORS), st.floats(5, 125))
def test_lines_get_125_mhz_and_the_datapath_no_more_than_it_stands(oscillator, wanted):
    pll = plan(oscillator, wanted)
    assert pll.line_mhz == pytest.approx(125, abs=1e-9)
    assert wanted * 0.75 < pll.datapath_mhz <= wanted * (1 + 1e-9)
    assert VCO_MHZ[0] <= pll.vco_mhz <= VCO_MHZ[1]
    assert COMPARED_MHZ[0] <= oscillator / pll.input <= COMPARED_MHZ[1]
    assert all(1 <= divider <= MAX_DIVIDER for divider in (pll.input, pll.feedback, pll.line, pll.datapath))


@pytest.mark.parametrize("wanted", [125, 100, 62.5, 50])
def test_usual_clocks_are_exact(wanted):
    assert [plan(oscillator, wanted).datapath_mhz for oscillator in OSCILLATORS] == pytest.approx([wanted] * 3)


def test_what_no_divider_makes_is_an_error_that_says_what_to_change():
    with pytest.raises(InputError, match="no 2 MHz from 25 MHz: choose another --clock"):
        plan(25, 2)


def test_all_boards_have_an_oscillator_that_the_plan_was_tried_with():
    pytest.importorskip("amaranth_boards", reason="install the extra `boards`")
    rates = {board.make_platform()().default_clk_frequency / 1e6 for board in BOARDS.values()}
    assert rates <= set(OSCILLATORS)
