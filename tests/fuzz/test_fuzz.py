"""A short fuzzing campaign in every test run, and tests of the fuzzer itself."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from assembler import Assembler, Label
from case import Case
from damage import damage
from generator import Features, generate
from hardpath.codegen.isa import decode, encode
from hardpath.sim.linux import available, kernel_verdict
from hardpath.sim.results import Verdict
from kinds import expected
from objects import Campaign
from outcome import fuzz, problem, smaller
from reduce import NOP
from rules import RULES
from stages import STAGES, interpreter

needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))
pytestmark = pytest.mark.linux

SEED = 70_000
ROOT = Path(__file__).parents[2]


@needs_linux
@pytest.mark.parametrize("seed", range(SEED, SEED + 25))
def test_interpreter_equals_linux(seed):
    outcome = fuzz(STAGES["interpreter"], seed, 30, Features())
    assert outcome.summary in ("equal", "rejected by Linux"), outcome.report


@needs_linux
@pytest.mark.parametrize("seed", range(SEED, SEED + 12))
def test_optimised_graph_equals_linux(seed):
    outcome = fuzz(STAGES["passes"], seed, 30, Features(statements=12))
    assert not outcome.wrong, outcome.report


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_hardware_equals_linux(seed):
    outcome = fuzz(STAGES["netlist"], seed, 50, Features(statements=10))
    assert not outcome.wrong, outcome.report


@needs_linux
def test_linux_accepts_nearly_all_generated_programs():
    accepted = [kernel_verdict(*generate(seed))[0] for seed in range(SEED, SEED + 60)]
    assert sum(accepted) >= 50


def test_a_seed_always_gives_the_same_program():
    assert generate(SEED) == generate(SEED)
    assert generate(SEED) != generate(SEED + 1)


def test_generated_programs_are_well_encoded():
    for seed in range(SEED, SEED + 40):
        program, _ = generate(seed)
        assert len(decode(encode(program.instructions))) == len(program.instructions)


@needs_linux
def test_a_wrong_result_is_found_and_made_small():
    """With a stage that drops what passes, and passes what drops, no instruction but the last ones matters."""
    case = Case.of(SEED, 10)

    def wrong(candidate):
        made = interpreter(candidate)
        return replace(
            made, name="wrong", results=[replace(r, verdict=Verdict((r.verdict + 1) % 5)) for r in made.results]
        )

    found = problem(wrong, case)
    assert found is not None and found.kind == "wrong verdict"
    small = smaller(wrong, found, case)
    assert problem(wrong, small).kind == "wrong verdict"
    assert sum(i != NOP for i in small.program.instructions) < len(case.program.instructions) / 4


@needs_linux
def test_some_tens_of_programs_reach_nearly_all_kinds_of_instructions():
    ran = set()
    for seed in range(SEED, SEED + 60):
        ran |= fuzz(interpreter, seed, 20, Features()).ran
    known = set(expected())
    assert len(ran & known) > 0.8 * len(known)
    assert {"call a subprogram", "gotol", "call bpf_redirect_map", "call bpf_xdp_store_bytes"} <= ran


@pytest.mark.parametrize("name", [each.name for each in RULES])
def test_every_rule_can_be_left_out(name):
    """It changes programs, so the rule is used."""
    seeds = range(SEED, SEED + 60)
    assert any(generate(seed) != generate(seed, Features(without=frozenset([name]))) for seed in seeds)


def test_damaged_objects_give_a_result_or_one_clear_line():
    campaign = Campaign(ask_linux=False)
    contents = (ROOT / "examples" / "mac_swap" / "mac_swap.o").read_bytes()
    rng = random.Random(SEED)
    for number in range(150):
        campaign.object(f"mutation {number}", damage(rng, contents))
    assert not campaign.wrong
    assert {"unreadable", "compiled"} <= campaign.counts.keys()


def test_what_takes_too_long_is_stopped(capsys):
    campaign = Campaign(ask_linux=False)

    def never(contents):
        while True:
            pass

    campaign.outcome = never
    campaign.object("endless.o", b"", limit=0.05)
    assert campaign.wrong == 1
    assert "endless.o: no end after 0.05 s" in capsys.readouterr().out


def test_a_label_that_is_never_placed_is_an_error():
    a = Assembler()
    a.call_local(Label())
    with pytest.raises(AssertionError, match="never placed"):
        a.finish()
