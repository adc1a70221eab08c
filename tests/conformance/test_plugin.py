"""hardpath-conformance-plugin, as the suite's runner starts it."""

import shutil
import subprocess
import sys

import pytest

ADD_ONE = "71 10 00 00 00 00 00 00 07 00 00 00 01 00 00 00 95 00 00 00 00 00 00 00"  # r0 = memory[0] + 1
EXIT = "95 00 00 00 00 00 00 00"


def start(*arguments, stdin=ADD_ONE):
    command = [sys.executable, "-m", "hardpath.cli.conformance_plugin", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("engine", ["interpreter", "graph", "hardware"])
def test_r0_is_printed_in_hexadecimal(engine):
    if engine == "hardware" and shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog (iverilog) is not installed")
    done = start("ff 02", "--engine", engine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "100\n", "")


def test_the_program_can_be_an_argument():
    for arguments in (("ff02", ADD_ONE), ("--program", ADD_ONE, "ff02")):
        assert start(*arguments, "--engine", "graph", stdin="").stdout == "100\n"


def test_hidden_constants_give_the_same_result():
    assert start("ff02", "--engine", "graph", "--hide-constants").stdout == "100\n"


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
        (["--engine", "interpreter"], ADD_ONE, 4, "outside the memory"),
        (["--engine", "magic"], ADD_ONE, 2, "'magic' is not one of"),
    ],
)
def test_a_mistake_is_told_with_its_status(arguments, stdin, status, message):
    done = start(*arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr and "Traceback" not in done.stderr
