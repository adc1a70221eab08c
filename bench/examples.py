"""What each example costs in hardware: stages, area, cycles a frame and latency.

    python bench/examples.py [NAME ...] [--count 5000] [--json out.json]

*one flow*: sustained cycles a frame, at 64 bytes a beat, of the short frame in the example's capture that the program
acts on most often (does not just pass, if there is one), again and again, back to back. A frame that becomes longer
than a beat needs one for each of its own. *worst*: what the report says that any traffic can cost, for most a new key
again and again. *latency*: first beat in to first beat out, or to the verdict.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardpath.cli.report import document
from hardpath.sim.captures import Frame, read_capture
from hardpath.sim.program import Hardware, Program, load
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session
from hardpath.sim.verilator_engine import VerilatorEngine
from output import command, keep, line, table

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Example:
    """A folder of examples/."""

    name: str

    @property
    def folder(self) -> Path:
        return EXAMPLES / self.name

    def program(self) -> Program:
        """The program with the contents that its maps have at first."""
        routes = self.folder / "fib.json"
        fib = routes if routes.exists() else None
        return load(self.folder / f"{self.name}.o", maps=self.folder / "maps.json", fib=fib)

    def frame(self, session: Session, longest: int) -> Frame:
        """The frame of at most ``longest`` bytes that comes most often among those the program acts on."""
        (capture,) = self.folder.glob("capture.pcap*")
        frames = list(read_capture(capture))
        results = session.interpreter(frames).results
        pairs = [(frame, result) for frame, result in zip(frames, results, strict=True) if len(frame.data) <= longest]
        acted = [frame.data for frame, result in pairs if result.verdict not in (Verdict.PASS, Verdict.ABORTED)]
        (data, _), *_ = Counter(acted or [frame.data for frame, _ in pairs]).most_common(1)
        return Frame(data, time_ns=frames[0].time_ns)


def figures(hardware: Hardware, frame: Frame, count: int) -> dict[str, Any]:
    """What the hardware is and what it does with a frame that comes ``count`` times."""
    flow, _ = hardware.session.run(VerilatorEngine(), [frame] * count, read_maps=False)
    facts = document(hardware.design)
    return {
        "program": hardware.name,
        "instructions": len(hardware.design.program.instructions),
        "stages": facts["stages"],
        "register bits": facts["register_bits"],
        "one flow": round(flow.cycles_per_frame or 0, 2),
        "worst": max((each["worst_cycles_per_frame"] for each in facts["maps"]), default=1),
        "latency ns": flow.latency.summary()["ns"]["p50"],
        "LUT4": facts["area"]["lut4"],
        "flip-flops": facts["area"]["flip_flops"],
        "block RAMs": facts["area"]["block_rams"],
        "area": facts["area"]["verdict"],
    }


def measure(name: str, count: int) -> dict[str, Any]:
    """One example's figures."""
    example = Example(name)
    hardware = example.program().verify().compile()
    return figures(hardware, example.frame(hardware.session, hardware.design.target.width), count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=[p.parent.name for p in EXAMPLES.glob("*/*.c")])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in sorted(arguments.names):
        rows.append(measure(name, arguments.count))
        if len(rows) == 1:
            print(*table(rows[0], []), sep="\n")
        print(line(rows[-1].values()), flush=True)
    keep(arguments.json, rows)


if __name__ == "__main__":
    command(main)
