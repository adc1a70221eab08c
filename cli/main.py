"""The command ``hardpath``: finds the verb, and turns errors into one clear line and an exit status."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import click

from ..hdl.errors import HardpathError, InputError, Place, Refused, VerificationError
from .settings import Settings, switches

VERBS = (
    *("inspect", "verify", "dump", "compile", "build", "run", "sim", "diff", "map", "stats", "latency", "survey"),
    *("fib", "nic"),
)

NO, BAD_INPUT, REFUSED, BROKEN = 1, 2, 3, 4
"""Exit statuses besides 0: the answer is no; bad usage or input; not possible in hardware; a fault in hardpath."""


class Verbs(click.Group):
    """Loads a verb's module only when it is asked for: Amaranth and its like take seconds."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            raise click.UsageError(f"No such command {name!r}: give one of {', '.join(VERBS)}", context)
        command: click.Command = importlib.import_module(f".{name}", __package__).command
        if not any(parameter.name == "json" for parameter in command.params):
            command.params += switches()
        return command


@click.group(
    cls=Verbs,
    params=switches(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit status: 0 done; 1 the answer is no (not safe, a difference); 2 bad usage or input; "
    "3 not possible in this hardware.",
)
@click.version_option(package_name="hardpath")
def verbs() -> None:
    """XDP programs in hardware: verify, compile, simulate, compare with Linux."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    settings = Settings()
    if arguments is None:
        signal.signal(signal.SIGTERM, _terminate)
    if arguments is None and not sys.warnoptions:
        warnings.simplefilter("ignore")  # Amaranth warns of designs that an error left unfinished
    try:
        status: Any = verbs.main(arguments, prog_name="hardpath", standalone_mode=False, obj=settings)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except Exception as error:
        if settings.debug:
            traceback.print_exc()
        return _explain(error, settings)


def _terminate(number: int, _: object) -> None:
    """SIGTERM ends the command as an error does: children end, temporary folders go."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _explain(error: Exception, settings: Settings) -> int:
    """Print an error for the user; the exit status."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return BAD_INPUT
        case click.ClickException():
            where = f"{context.command_path}: " if (context := getattr(error, "ctx", None)) else ""
            settings.complain("usage", f"{where}{_one_line(error.format_message())}")
            return BAD_INPUT
        case VerificationError():
            settings.complain("verification", str(error), rejection(error))
            return NO
        case Refused():
            settings.complain("refused", str(error), refusal(error))
            return REFUSED
        case InputError():
            settings.complain("input", f"hardpath: {error}")
            return BAD_INPUT
        case HardpathError():
            settings.complain("fault", f"hardpath: {error}")
            return BROKEN
        case OSError() if error.filename is not None:
            settings.complain("input", f"hardpath: {error.filename}: {error.strerror}")
            return BAD_INPUT
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):  # while writing, when the name is not known
            settings.complain("input", f"hardpath: cannot write: {error.strerror}: make room or name another place")
            return BAD_INPUT
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    settings.complain(
        "fault", f"hardpath: a fault in hardpath itself, please report it (-d shows where): {_one_line(what)}"
    )
    return BROKEN


def _one_line(text: str) -> str:
    return " ".join(text.split())


def rejection(error: VerificationError) -> dict[str, Any]:
    """A failed verification for JSON."""
    return {
        "category": error.category,
        "reason": error.reason,
        "at": place(error.place),
        "path": [place(step) for step in error.path],
        "suggestion": error.suggestion,
    }


def refusal(error: Refused) -> dict[str, Any]:
    """A refusal for JSON."""
    return {"reason": error.reason, "at": place(error.place), "suggestion": error.remedy}


def place(where: Place | None) -> dict[str, Any] | None:
    """A place in a program for JSON."""
    if where is None:
        return None
    return {
        "program": where.program,
        "instruction": where.slot,
        "text": where.instruction,
        "file": where.file,
        "line": where.line,
        "source": where.text,
    }


if __name__ == "__main__":
    sys.exit(main())
