"""The public suite on the interpreter, the graph and the generated hardware."""

import shutil

import pytest
from hardpath.codegen.isa import decode
from hardpath.hdl.errors import InputError, Refused
from hardpath.sim import raw, raw_hardware
from hardpath.sim.raw_constants import hide_constants

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog (iverilog) is not installed")
BATCH = 20


def test_interpreter_gives_the_suites_result(case):
    assert raw.interpret(raw.raw_program(case.code, len(case.memory)), case.memory) == case.result


def test_graph_gives_the_suites_result(case):
    design = raw.compile_raw(raw.raw_program(case.code, len(case.memory)))
    assert raw.evaluate(design, [case.memory]) == [case.result]


def test_graph_gives_the_suites_result_when_it_cannot_see_the_constants(case):
    design, memory = raw.compile_hidden(case.code, case.memory)
    assert raw.evaluate(design, [memory]) == [case.result]


def test_hiding_the_constants_does_not_change_the_program(case):
    code, memory = hide_constants(case.code, case.memory)
    assert raw.interpret(raw.raw_program(code, len(memory)), memory) == case.result


def test_with_hidden_constants_hardly_any_program_folds_to_its_result(all_cases):
    folded = [case.name for case in all_cases if _is_constant(case)]
    assert len(folded) < len(all_cases) // 20, folded


def _is_constant(case):
    design, _ = raw.compile_hidden(case.code, case.memory)
    return design.graph.outputs["result"].op == "const"


def results_of_hardware(cases):
    """The results of each case, whose memory enters its pipeline twice, back to back."""
    found = []
    for start in range(0, len(cases), BATCH):
        compiled = [raw.compile_hidden(case.code, case.memory) for case in cases[start : start + BATCH]]
        found += raw_hardware.simulate([(design, [memory, memory]) for design, memory in compiled])
    return dict(zip((case.name for case in cases), found, strict=True))


@needs_icarus
def test_hardware_gives_the_suites_results_for_a_sample(all_cases):
    sample = all_cases[::18]
    assert results_of_hardware(sample) == {case.name: [case.result] * 2 for case in sample}


@pytest.mark.slow
@needs_icarus
def test_hardware_gives_the_suites_results(all_cases):
    assert results_of_hardware(all_cases) == {case.name: [case.result] * 2 for case in all_cases}


def test_calls_through_registers_are_refused_by_name(refused_case):
    with pytest.raises(Refused, match="callx"):
        raw.raw_program(refused_case.code, len(refused_case.memory))


@pytest.mark.parametrize(("opcode", "name"), [(0x20, "LD_ABS"), (0x28, "LD_ABS"), (0x40, "LD_IND")])
def test_legacy_packet_loads_are_refused_by_name(opcode, name):
    with pytest.raises(Refused, match=f"{name}.*packet"):
        raw.raw_program(bytes([opcode, *[0] * 7, 0x95, *[0] * 7]), 0)


def test_a_wrong_encoding_is_refused_with_the_name_of_the_field(wrong):
    name, code = wrong
    field = name.rpartition("-")[2]
    with pytest.raises(InputError, match=f"field {field} is"):
        decode(code)
