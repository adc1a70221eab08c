"""``hardpath-conformance-plugin``: runs one ISA test program for the public suite bpf_conformance.

Its runner starts a plugin once a test: initial memory as a hexadecimal argument (none if the test has no memory), the
program as hexadecimal on standard input, and expects r0 in hexadecimal on standard output.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import click

from ..hdl.errors import HardpathError, InputError, Refused, VerificationError
from .main import BAD_INPUT, BROKEN, NO, REFUSED


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("memory", default="")
@click.argument("code", metavar="[PROGRAM]", default="")
@click.option("--program", default="", metavar="HEX", help="The program; from standard input if it is not given.")
@click.option(
    "--engine",
    type=click.Choice(["interpreter", "graph", "hardware"]),
    default="hardware",
    show_default=True,
    help="What runs it: the reference interpreter, the dataflow graph, or the generated Verilog in Icarus.",
)
@click.option(
    "--hide-constants",
    is_flag=True,
    help="Move the program's constants into its memory, so that the hardware computes what the compiler otherwise "
    "would (graph and hardware).",
)
def plugin(memory: str, code: str, program: str, engine: str, hide_constants: bool) -> None:
    """Run one BPF program, with r1 pointing to MEMORY and r2 its length (hexadecimal bytes), and print r0."""
    data = _bytes(memory, "the memory")
    instructions = _bytes(program or code or sys.stdin.readline(), "the program")
    click.echo(f"{_run(instructions, data, engine, hide_constants):x}")


def _bytes(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InputError(f"{what} is not hexadecimal: write two digits a byte, as in 'b7 00 00 00'") from None


def _run(code: bytes, memory: bytes, engine: str, hide_constants: bool) -> int:
    from ..sim import raw, raw_hardware  # Amaranth takes its time

    if engine == "interpreter":
        return raw.interpret(raw.raw_program(code, len(memory)), memory)
    if hide_constants:
        design, memory = raw.compile_hidden(code, memory)
    else:
        design = raw.compile_raw(raw.raw_program(code, len(memory)))
    if engine == "graph":
        return raw.evaluate(design, [memory])[0]
    return raw_hardware.simulate([(design, [memory])])[0][0]


_STATUS = {VerificationError: NO, InputError: BAD_INPUT, Refused: REFUSED}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plugin; the exit status: 0 done, 1 not safe, 2 bad input, 3 refused, 4 a trap or a fault of ours."""
    warnings.simplefilter("ignore")  # Amaranth warns of designs that an error left unfinished
    try:
        plugin.main(arguments, prog_name="hardpath-conformance-plugin", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except HardpathError as error:
        click.echo(str(error), err=True)
        return _STATUS.get(type(error), BROKEN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
