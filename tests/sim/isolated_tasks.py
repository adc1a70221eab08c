"""Tasks that test_isolated.py gives to processes of their own."""

from __future__ import annotations

import os
import subprocess
import time


def behave(how: str, tell) -> None:
    """Tell one thing, then end as the name says."""
    tell({"how": how, "told": 1})
    match how:
        case "return":
            tell({"told": 2})
        case "raise":
            raise ValueError("something is wrong")
        case "die":
            os.abort()
        case "eat":
            kept = []
            while True:
                kept.append(bytearray(16 << 20))
        case "work":
            start = time.process_time()  # what the process needed to begin is not the task's
            while True:
                tell({"worked": time.process_time() - start})
                sum(range(100_000))
        case "hang":
            child = subprocess.Popen(["sleep", "600"])
            tell({"child": child.pid})
            while True:
                time.sleep(1)
