"""The rows of a comparison's tables, as text. What the logs don't say is a dash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .comparison import Cell, Difference
from .statistics import Estimate

COLUMNS = (
    *("Agent", "Model", "Runs", "Score", "Without errors and limits", "Errors", "Limits", "USD", "Input", "Output"),
    *("Cache reads", "Calls", "Turns", "Tools", "Seconds"),
)
DIFFERENCES = ("First", "Second", "Same", "Score", "Without errors and limits", "Samples")


def rows(cells: Sequence[Cell]) -> list[list[str]]:
    """Return a row for each cell."""
    return [
        [
            cell.agent,
            cell.model,
            str(cell.runs),
            _estimate(cell.score),
            _estimate(cell.score_completed),
            _counts(cell.errors),
            _counts(cell.limits),
            _number(cell.cost, 4),
            _number(cell.tokens["input_tokens"]),
            _number(cell.tokens["output_tokens"]),
            _number(cell.tokens["input_tokens_cache_read"]),
            _number(cell.model_calls, 1),
            _number(cell.turns, 1),
            "–" if cell.tools is None else _counts(cell.tools),
            ", ".join(f"{name} {_number(value, 1)}" for name, value in cell.seconds.items()),
        ]
        for cell in cells
    ]


def difference_rows(differences: Sequence[Difference]) -> list[list[str]]:
    """Return a row for each paired difference."""
    return [
        [
            *(each.first, each.second, each.same, _estimate(each.score), _estimate(each.score_completed)),
            str(each.score.samples if each.score else 0),
        ]
        for each in differences
    ]


def _estimate(value: Estimate | None) -> str:
    if value is None:
        return "–"
    interval = f" [{value.low:.3f}, {value.high:.3f}]" if value.low is not None else ""
    return f"{value.mean:.3f}{interval}"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
