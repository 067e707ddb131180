"""Comparisons of agents and models from logs: reading, statistics, page."""

from __future__ import annotations

from .comparison import Cell, Comparison, Difference, compare_runs
from .reading import Run, read_runs
from .statistics import Estimate

__all__ = ["Cell", "Comparison", "Difference", "Estimate", "Run", "compare_runs", "read_runs"]
