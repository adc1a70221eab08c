"""Latency figures, exact: computed from the number of frames at every latency, however long the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .results import FrameResult


def nanoseconds(cycles: float, period_ps: int) -> float | int:
    """Cycles of ``period_ps`` picoseconds in ns, to a picosecond; a whole number of ns as int."""
    picoseconds = round(cycles * period_ps)
    return picoseconds // 1000 if picoseconds % 1000 == 0 else picoseconds / 1000


@dataclass(frozen=True)
class Bin:
    """Frames with a latency of ``low`` to ``high`` cycles, both included."""

    low: int
    high: int
    frames: int


class Latency:
    """The distribution of a latency in cycles of ``period_ps`` picoseconds, from (cycles, frames) pairs.

    Percentiles are nearest-rank: the least latency that at least p % of the frames do not exceed, so always one that
    occurred. All figures are None when there is no frame.
    """

    def __init__(self, counts: Iterable[tuple[int, int]], period_ps: int) -> None:
        summed: Counter[int] = Counter()
        for cycles, frames in counts:
            summed[cycles] += frames
        pairs = sorted(summed.items())
        self.period_ps = period_ps
        self.cycles: npt.NDArray[np.int64] = np.array([cycles for cycles, _ in pairs], dtype=np.int64)
        self.counts: npt.NDArray[np.int64] = np.array([count for _, count in pairs], dtype=np.int64)

    @classmethod
    def of(cls, results: Iterable[FrameResult], period_ps: int) -> Latency:
        """The distribution over result records that have a latency."""
        counts = Counter(result.latency_cycles for result in results if result.latency_cycles is not None)
        return cls(counts.items(), period_ps)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return int(self.counts.sum())

    @property
    def min(self) -> int | None:
        return int(self.cycles[0]) if self.frames else None

    @property
    def max(self) -> int | None:
        return int(self.cycles[-1]) if self.frames else None

    @property
    def mean(self) -> float | None:
        return float(self.cycles @ self.counts) / self.frames if self.frames else None

    def percentile(self, p: float) -> int | None:
        """The latency that ``p`` % (above 0, at most 100) of the frames do not exceed."""
        if not self.frames:
            return None
        rank = max(1, -int(-self.frames * p // 100))
        return int(self.cycles[np.searchsorted(np.cumsum(self.counts), rank)])

    def histogram(self, bins: int = 20) -> list[Bin]:
        """At most ``bins`` bins of equal whole width from the least to the greatest latency, empty ones included."""
        if not self.frames:
            return []
        low, high = int(self.cycles[0]), int(self.cycles[-1])
        width = -(-(high - low + 1) // bins)
        totals = np.bincount((self.cycles - low) // width, weights=self.counts)
        return [Bin(low + i * width, low + (i + 1) * width - 1, int(total)) for i, total in enumerate(totals)]

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """``{"cycles": {"min", "p50", "p99", "max", "mean"}, "ns": {the same}}``."""
        cycles: dict[str, float | int | None] = {
            "min": self.min,
            "p50": self.percentile(50),
            "p99": self.percentile(99),
            "max": self.max,
            "mean": None if self.mean is None else round(self.mean, 3),
        }
        ns = {name: None if v is None else nanoseconds(v, self.period_ps) for name, v in cycles.items()}
        return {"cycles": cycles, "ns": ns}
