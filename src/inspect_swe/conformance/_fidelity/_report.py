"""The report of the fidelity suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from ._compare import Comparison


def print_report(comparisons: Sequence[Comparison], console: Console) -> None:
    """Print a table of the agents, and the findings."""
    table = Table(box=None, pad_edge=False)
    for title in ("agent", "version", "model", "requests", "findings", "deliberate", "cache direct", "cache eval"):
        table.add_column(title, no_wrap=True)
    for each in comparisons:
        deliberate = len(each.differences) - len(each.findings)
        cache = (f"{each.cache_direct:.1f} %", f"{each.cache_eval:.1f} %")
        counts = (str(each.requests), str(len(each.findings)), str(deliberate))
        table.add_row(each.name, each.version, each.model, *counts, *cache)
    console.print(table)
    for each in comparisons:
        for error in each.errors:
            console.print(f"{each.name}: error {error}", markup=False, soft_wrap=True)
        for finding in each.findings:
            sender = ", sent so by the CLI" if finding.by_cli else ""
            console.print(
                f"{each.name}: {finding.path} ({finding.times}, first in {finding.where}{sender})\n"
                f"    directly: {finding.direct}\n    in an eval: {finding.eval}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


def as_data(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return the comparisons as JSON data."""
    return [{**asdict(each), "ok": each.ok} for each in comparisons]
