"""Durations as people write them, and time sheets made of them."""

from .formatting import render
from .parsing import parse
from .timesheet import report, totals

__all__ = ["parse", "render", "report", "totals"]
