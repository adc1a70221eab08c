"""Small programs, one for each rule of verification, with their verdicts: all of them, by name."""

from __future__ import annotations

from importlib import import_module

from verify_programs import CASES

RULES = "frame context stack maps queues locks strings arithmetic control functions loop iterators"  # a file each
for rules in RULES.split():
    import_module(f"verify_cases_{rules}")

__all__ = ["CASES"]
