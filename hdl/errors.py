"""The errors a user can meet. Every one is one clear line that names the place and the remedy.

They live on the lowest floor because every floor raises them. The command line maps them to exit statuses
(``cli.main``): `InputError` 2, `VerificationError` 1, `Refused` 3.
"""

from __future__ import annotations

from dataclasses import dataclass


class HardpathError(Exception):
    """Base of all errors meant for the user; ``str()`` is what the user reads."""


class InputError(HardpathError):
    """Bad usage or bad input: a truncated object, a broken capture, an unknown map name."""


@dataclass(frozen=True)
class Place:
    """Where in a program something is: instruction slot and, when line info is there, the source line."""

    program: str
    slot: int
    instruction: str = ""
    file: str | None = None
    line: int | None = None
    text: str | None = None

    def __str__(self) -> str:
        where = f"instruction {self.slot} of {self.program}"
        if self.instruction:
            where += f" ({self.instruction})"
        if self.file is not None and self.line is not None:
            where += f", {self.file}:{self.line}"
            if self.text:
                where += f": {self.text.strip()}"
        return where


class Refused(HardpathError):
    """The program is safe as far as known, but this hardware cannot keep the promise for it (exit status 3).

    ``place`` may be None where the refusal concerns a whole map or program; callers that know the place
    re-raise with ``at()``.
    """

    def __init__(self, reason: str, remedy: str, place: Place | None = None) -> None:
        super().__init__(reason, remedy, place)
        self.reason = reason
        self.remedy = remedy
        self.place = place

    def at(self, place: Place) -> Refused:
        """The same refusal with a place, unless it already has one."""
        return self if self.place is not None else Refused(self.reason, self.remedy, place)

    def __str__(self) -> str:
        place = f"\n  At:         {self.place}" if self.place else ""
        return f"Refused: {self.reason}{place}\n  Suggestion: {self.remedy}"


class VerificationError(HardpathError):
    """The program is not safe (exit status 1)."""

    def __init__(self, category: str, reason: str, place: Place, path: tuple[Place, ...], suggestion: str) -> None:
        super().__init__(category, reason, place, path, suggestion)
        self.category = category
        self.reason = reason
        self.place = place
        self.path = path
        self.suggestion = suggestion

    def __str__(self) -> str:
        path = "\n".join(f"    {step}" for step in self.path) or "    (none)"
        return (
            f"Verification failed: {self.category}\n"
            f"  Reason:     {self.reason}\n"
            f"  At:         {self.place}\n"
            f"  Causal path:\n{path}\n"
            f"  Suggestion: {self.suggestion}"
        )
