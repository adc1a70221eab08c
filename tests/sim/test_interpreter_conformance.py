"""The public BPF conformance suite against the interpreter's processor."""

import json
from pathlib import Path

import pytest
from hardpath.codegen.isa import decode
from hardpath.codegen.spec import ProgramSpec
from hardpath.sim.memory import Memory, Region, Trap
from hardpath.sim.processor import Environment, Processor

SUITE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "decoded.jsonl"
ABSENT = pytest.param(None, marks=pytest.mark.skip(reason="the conformance suite is not beside this repository"))
CASES = [json.loads(line) for line in SUITE.read_text().splitlines()] if SUITE.exists() else [ABSENT]
MEMORY_REGION = 3


class NoEnvironment(Environment):
    """The suite uses no maps, and one helper of its own that gives back its argument."""

    def reference(self, reference):
        raise Trap("no maps here")

    def helper(self, number, args):
        return args(1)


def run(case):
    memory = Memory()
    data = bytearray.fromhex(case["mem"])
    address = memory.map(MEMORY_REGION, Region("the memory", data))
    program = ProgramSpec(case["name"], "test", decode(bytes.fromhex(case["code"])), {0: "main"})
    return Processor(program, memory, NoEnvironment()).run(address, len(data))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case and case["name"])
def test_result_is_the_suites(case):
    if "callx" in case["name"] or case["error"]:
        with pytest.raises(Trap):
            run(case)
    else:
        assert run(case) == int(case["result"], 0)
