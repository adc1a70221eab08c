"""What the slots of a map hold whose values stand for programs or maps: settled before compilation, since each of them
becomes hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SlotTable:
    """The contents that an array of programs, or a map of maps, can have.

    ``names``: the programs, or maps, of the object; the *number* of one is 1 + its position, and the value of its
    slots; an empty slot is 0. An index is a key as a little-endian number. ``first``: index -> number at the start.
    ``choices``: index -> the numbers that the host may put there; ``others``: the same for every index that ``choices``
    does not name.
    """

    names: tuple[str, ...]
    first: Mapping[int, int] = field(default_factory=dict)
    choices: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    others: tuple[int, ...] = ()

    def name(self, number: int) -> str:
        """The program or map with that number."""
        return self.names[number - 1]

    def number(self, name: str) -> int:
        """The number of a program or map."""
        return 1 + self.names.index(name)

    def may_hold(self, index: int, number: int) -> bool:
        """Whether the host may put that one there."""
        return number in self.choices.get(index, self.others)

    def within(self, low: int, high: int) -> tuple[int, ...]:
        """The numbers that slots ``low`` to ``high`` (inclusive) can hold, in ascending order."""
        named = [index for index in self.choices if low <= index <= high]
        found = {number for index in named for number in self.choices[index]}
        if len(named) <= high - low:
            found.update(self.others)
        return tuple(sorted(found))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers that any slot can hold."""
        return tuple(sorted({*self.others, *(number for numbers in self.choices.values() for number in numbers)}))

    @property
    def held(self) -> tuple[str, ...]:
        """The programs or maps that any slot can hold."""
        return tuple(self.name(number) for number in self.numbers)
