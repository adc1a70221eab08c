"""The kinds of statements that programs are made of, each a function that writes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from writer import Writer

Write = Callable[[Writer], None]
Condition = Callable[[Writer], bool]


@dataclass(frozen=True)
class Rule:
    """``weight``: how often, compared with others; ``when``: where it is possible; ``frame``: it needs one."""

    name: str
    weight: float
    when: Condition
    frame: bool
    write: Write


RULES: list[Rule] = []


def rule(weight: float, when: Condition = lambda w: True, *, frame: bool = True) -> Callable[[Write], Write]:
    """Adds a function to `RULES`."""

    def add(write: Write) -> Write:
        RULES.append(Rule(write.__name__, weight, when, frame, write))
        return write

    return add


def statement(w: Writer) -> None:
    """One more statement of a kind that is possible here."""
    rules = RULES if w.has_frame else [each for each in RULES if not each.frame]
    possible = [each for each in rules if each.name not in w.features.without and each.when(w)]
    w.rng.choices(possible, [each.weight for each in possible])[0].write(w)
