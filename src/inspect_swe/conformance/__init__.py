"""The behaviours that all agents must share, as an eval: for the package's own agents and those of others."""

from __future__ import annotations

from ._behaviour import BEHAVIOURS, Behaviour, ConformanceError
from ._load import load_agent
from ._matrix import Cell, Matrix, run_matrix
from ._task import conformance_task

__all__ = [
    "BEHAVIOURS",
    "Behaviour",
    "Cell",
    "ConformanceError",
    "Matrix",
    "conformance_task",
    "load_agent",
    "run_matrix",
]
