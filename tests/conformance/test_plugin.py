"""hardpath-conformance-plugin, as the suite's runner starts it."""

import io
import shutil
import subprocess
import sys

import pytest
from hardpath.cli import conformance_plugin

ADD_ONE = "71 10 00 00 00 00 00 00 07 00 00 00 01 00 00 00 95 00 00 00 00 00 00 00"  # r0 = memory[0] + 1
EXIT = "95 00 00 00 00 00 00 00"


@pytest.fixture
def start(monkeypatch, capsys):
    """Runs the plugin; gives its exit status, standard output and standard error."""

    def run(*arguments, stdin=ADD_ONE):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = conformance_plugin.main(arguments)
        return status, *capsys.readouterr()

    return run


def test_the_runners_protocol():
    command = [sys.executable, "-m", "hardpath.cli.conformance_plugin", "ff 02", "--engine", "graph"]
    done = subprocess.run(command, input=ADD_ONE + "\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "100\n", "")


@pytest.mark.parametrize("engine", ["interpreter", "graph", "hardware"])
def test_r0_is_printed_in_hexadecimal(engine, start):
    if engine == "hardware" and shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog (iverilog) is not installed")
    assert start("ff 02", "--engine", engine) == (0, "100\n", "")


def test_the_program_can_be_an_argument(start):
    for arguments in (("ff02", ADD_ONE), ("--program", ADD_ONE, "ff02")):
        assert start(*arguments, "--engine", "graph", stdin="") == (0, "100\n", "")


@pytest.mark.parametrize("engine", ["interpreter", "graph"])
def test_all_64_bits_of_r0_are_printed(engine, start):
    """The suite's negative case incorrect_return_value_high_bits."""
    result = start("aabb1122334455667788ccdd", "--engine", engine, stdin="79 10 02 00 00 00 00 00" + EXIT)
    assert result == (0, "8877665544332211\n", "")


def test_hidden_constants_give_the_same_result(start):
    assert start("ff02", "--engine", "graph", "--hide-constants") == (0, "100\n", "")


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "message"),
    [
        (["xy"], ADD_ONE, 2, "the memory is not hexadecimal"),
        ([], "b7 0", 2, "the program is not hexadecimal"),
        ([], "", 2, "there are no instructions"),
        ([], "b7 00 00", 2, "no whole number of 8-byte instructions"),
        ([], "07 10 00 00 01 00 00 00" + EXIT, 2, "reserved field src is 1"),
        ([], "8d 00 00 00 00 00 00 00" + EXIT, 3, "callx"),
        ([""], ADD_ONE, 1, "out-of-bounds memory access"),
        ([], EXIT, 1, "r0 was never written"),
        ([], "4f a0 00 00 00 00 00 00" + EXIT, 1, "r0 was never written"),  # the suite's negative case error
        (["--engine", "interpreter"], ADD_ONE, 4, "outside the memory"),
        (["--engine", "magic"], ADD_ONE, 2, "'magic' is not one of"),
    ],
)
def test_a_mistake_is_told_with_its_status(arguments, stdin, status, message, start):
    found, printed, told = start(*arguments, stdin=stdin)
    assert (found, printed) == (status, "")
    assert message in told
