"""Small programs, one for each rule of verification, with their verdicts: all of them, by name."""

from __future__ import annotations

from importlib import import_module

from verify_programs import CASES

# A file each.
RULES = "frame context stack maps queues locks strings arithmetic control functions loop for_each iterators records"
for rules in RULES.split():
    import_module(f"verify_cases_{rules}")

__all__ = ["CASES"]
