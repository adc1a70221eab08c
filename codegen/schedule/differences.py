"""Linear programs of differences: minimise a weighted sum of integers of which some must be so far apart.

Every constraint is ``late - early >= gap``. Such a matrix is totally unimodular, so that the LP's corner solutions
are integers and the solver (HiGHS, simplex) needs no branching: J. Cong and Z. Zhang, "An efficient and versatile
scheduling algorithm based on SDC formulation", DAC 2006.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array


class Differences:
    """Variables are numbered from 0."""

    def __init__(self) -> None:
        self._bounds: list[tuple[int, int]] = []
        self._cost: list[float] = []
        self._gaps: dict[tuple[int, int], int] = {}

    def variable(self, low: int, high: int) -> int:
        """A new variable in [low, high]."""
        self._bounds.append((low, high))
        self._cost.append(0.0)
        return len(self._bounds) - 1

    def apart(self, early: int, late: int, gap: int) -> None:
        """``late - early >= gap``; left out where the bounds alone see to it."""
        if self._bounds[late][0] - self._bounds[early][1] < gap:
            key = (early, late)
            self._gaps[key] = max(gap, self._gaps.get(key, gap))

    def cost(self, variable: int, weight: float) -> None:
        """Add ``weight * variable`` to what is minimised."""
        self._cost[variable] += weight

    def span(self, early: int, late: int, offset: int, weight: float) -> None:
        """Add ``weight * max(0, late - early + offset)`` to what is minimised."""
        low, high = self._bounds[early]
        end = self.variable(low, max(high, self._bounds[late][1] + offset))
        self.apart(early, end, 0)
        self.apart(late, end, offset)
        self.cost(end, weight)
        self.cost(early, -weight)

    def solve(self) -> list[int] | None:
        """Values of the variables, or None if there are none or the solver gave up."""
        keys = np.array(list(self._gaps), dtype=np.int64).reshape(-1, 2)
        gaps = np.array(list(self._gaps.values()), dtype=float)
        rows = np.arange(len(gaps))
        ones = np.ones(len(gaps))
        matrix = csr_array(
            (np.concatenate([ones, -ones]), (np.tile(rows, 2), np.concatenate([keys[:, 0], keys[:, 1]]))),
            shape=(len(gaps), len(self._bounds)),
        )
        result = linprog(
            self._cost,
            A_ub=matrix if len(gaps) else None,
            b_ub=-gaps if len(gaps) else None,
            bounds=np.array(self._bounds, dtype=float),
            method="highs-ds",
        )
        return [round(float(x)) for x in result.x] if result.status == 0 else None
