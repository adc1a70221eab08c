"""The switches that every verb has, and how answers reach the user."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console


@dataclass
class Settings:
    """``json``: answers as JSON on one line, ``pretty``: indented. ``debug``: tracebacks with errors."""

    json: bool = False
    pretty: bool = False
    debug: bool = False

    def answer(self, document: Any, text: Callable[[Console], None]) -> None:
        """Print an answer: the document where JSON is wanted, else what ``text`` prints."""
        if self.json or self.pretty:
            click.echo(json.dumps(document, indent=2 if self.pretty else None))
        else:
            text(console(sys.stdout))

    def note(self, message: str) -> None:
        """Something to know besides the answer, on stderr."""
        click.echo(f"note: {message}", err=True)

    def complain(self, status: str, message: str, details: dict[str, Any] | None = None) -> None:
        """An error: on stderr, and as JSON on stdout where JSON is wanted."""
        click.echo(message, err=True)
        if self.json or self.pretty:
            document = {"error": status, "message": message, **(details or {})}
            click.echo(json.dumps(document, indent=2 if self.pretty else None))


def console(stream: Any) -> Console:
    """A terminal that prints text as it is: no guesses at what is a number or markup. Lines of files and pipes
    are not folded."""
    width = None if stream.isatty() else 1000
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def switches() -> list[click.Option]:
    """The options themselves; they act on the `Settings` in the context's object, at any place on the line."""

    def switch(names: tuple[str, ...], attribute: str, help: str) -> click.Option:
        def turn_on(context: click.Context, _: click.Parameter, value: bool) -> None:
            if value:
                setattr(context.find_object(Settings), attribute, True)

        return click.Option(
            names, is_flag=True, expose_value=False, is_eager=True, callback=turn_on, help=help
        )

    return [
        switch(("-j", "--json"), "json", "Answer in JSON."),
        switch(("-p", "--pretty"), "pretty", "Answer in indented JSON."),
        switch(("-d", "--debug"), "debug", "Show tracebacks with errors."),
    ]
