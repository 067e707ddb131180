"""The table for people and the JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .metrics import SIDES, Results, Row

_WIDTH = 190
_FLOOR_NOTE = (
    "Cells: median (min..max, repetitions). Floor: the raw CLI with an API inside its container, and `docker cp`.\n"
    "The peer's install is its write path (file into memory, sha256, Inspect's write_file, one container at a time), "
    "without its download."
)
_ACP_NOTE = (
    "acp: our CLIs and adapters are mounted. The peer can use nothing that comes with the sandbox but Node.js: in a\n"
    "new container it unpacks its own copy of the CLI or adapter, which it has packed before; started there before,\n"
    "it finds that. It tells nobody of updates: their times of arrival are those of its log records."
)


def print_table(rows: list[Row], facts: dict[str, Any], failures: list[str]) -> None:
    """Print the table."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    notes = [_FLOOR_NOTE, _ACP_NOTE] if any(row.metric == "acp" for row in rows) else [_FLOOR_NOTE]
    table = Table(title="inspect_swe beside the peer", caption="\n".join(notes), caption_justify="left")
    table.add_column("metric")
    for name in ("ours", "peer", "floor", "better by"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("target", no_wrap=True)
    table.add_column("met")
    table.add_column("load", justify="right", no_wrap=True)
    metric = None
    for row in rows:
        if metric not in (None, row.metric):
            table.add_section()
        metric = row.metric
        cells = [_cell(row, side) for side in SIDES]
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
        table.add_row(row.label, *cells, ratio, row.target.text if row.target else "", _met(row), _span(row.loads))
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), highlight=False)
    for failure in failures:
        first, *_, last = [line for line in failure.splitlines() if line.strip()] * 2
        console.print(f"FAILED {first} {last}", style="red", markup=False, highlight=False)


def write_json(path: Path, rows: list[Row], results: Results, facts: dict[str, Any], failures: list[str]) -> None:
    """Write everything, each repetition with its load."""
    content = {"facts": facts, "rows": [row.plain() for row in rows], "results": results, "failures": failures}
    path.write_text(json.dumps(content, indent=1) + "\n")


def _cell(row: Row, side: str) -> str:
    if side not in row.medians:
        return ""
    values = row.values[side]
    spread = f" ({_number(min(values))}..{_number(max(values))}, {len(values)})"
    return f"{_number(row.medians[side])}{row.unit}{spread}"


def _met(row: Row) -> str:
    if row.target is None:
        return ""
    return {True: "[green]yes[/]", False: "[red]no[/]", None: "?"}[row.met]


def _span(loads: list[float]) -> str:
    return f"{min(loads):.1f}..{max(loads):.1f}" if loads else ""


def _number(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
