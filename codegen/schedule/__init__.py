"""Which stage every node of a graph issues in: fewest stages, then fewest stalls, then fewest registers."""

from __future__ import annotations

from .check import check
from .plan import Schedule, ScheduleError
from .report import ScheduleReport, StageReport, report
from .scheduler import schedule

__all__ = ["Schedule", "ScheduleError", "ScheduleReport", "StageReport", "check", "report", "schedule"]
