"""Small programs, one for each rule of verification, with their verdicts: all of them, by name."""

from __future__ import annotations

from importlib import import_module

from verify_programs import CASES

for rules in ("frame", "context", "stack", "maps", "queues", "locks", "arithmetic", "control", "functions", "loop"):
    import_module(f"verify_cases_{rules}")

__all__ = ["CASES"]
