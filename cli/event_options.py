"""Options of verbs that write down what programs tell the host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import click

from ..codegen.spec import ObjectSpec
from ..sim.engine import Options
from ..sim.event_values import event_types
from .options import FILE, collected
from .outputs import Outputs


@dataclass(frozen=True)
class Told:
    """Where events go, and the types of records by map."""

    events_out: Path | None
    event_type: tuple[tuple[str, str], ...]

    def check(self, spec: ObjectSpec) -> None:
        """Raise `InputError` for a type or map that there is not, before anything takes time."""
        event_types(spec, self.event_type)

    def into(self, options: Options, spec: ObjectSpec, outputs: Outputs) -> Options:
        """The options of a run with these."""
        types = event_types(spec, self.event_type)
        return replace(options, events_out=outputs.optional(self.events_out), event_types=types)


def _pairs(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = []
    for value in values:
        map, equals, name = value.partition("=")
        if not map or not equals or not name:
            raise click.BadParameter(f"{value!r} is not MAP=TYPE", context, option)
        pairs.append((map, name))
    return tuple(pairs)


event_options = collected(
    "told",
    Told,
    click.option("--events-out", type=FILE, metavar="FILE", help="JSON lines: printed lines, perf and ring records."),
    click.option(
        "--event-type", multiple=True, metavar="MAP=TYPE", callback=_pairs,
        help="With --events-out: the struct that the records of a buffer are, by its name in the program.",
    ),
)  # fmt: skip
