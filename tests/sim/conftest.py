"""Programs for the oracles' tests, written with the fuzzer's assembler."""


import pytest
from assembler import Assembler
from hardpath.codegen.isa import MapReference
from hardpath.codegen.spec import ProgramSpec


@pytest.fixture
def assemble():
    """A function that makes a program out of a function that gets an assembler."""

    def make(write, name="test"):
        a = Assembler()
        write(a)
        return ProgramSpec(name, "xdp", a.finish(), {0: name}, license="GPL")

    return make


@pytest.fixture
def references():
    """The names of the maps that a program uses."""
    return lambda program: {i.reference.map for i in program.instructions if isinstance(i.reference, MapReference)}
