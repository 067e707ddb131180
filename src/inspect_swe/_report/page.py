"""The self-contained HTML page of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .comparison import Cell, Comparison, is_complete, score_of
from .reading import Run
from .table import COLUMNS, DIFFERENCES, difference_rows, rows

_PARTS = ("container", "install", "model", "tools", "harness")
_STYLE = (
    "body{font:15px system-ui;margin:2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #bbb;padding:3px 8px;text-align:left}"
    ".solved{background:#bfe5c2}.partial{background:#f5e6a8}.wrong{background:#eee}.error{background:#f2b8b5}.limit{background:#f5cf9f}"
)


def page(comparison: Comparison, runs: Sequence[Run], view: str) -> str:
    """Return the page, with the plot library inline.

    Args:
        comparison: The numbers.
        runs: The runs that they were computed from.
        view: Address of `inspect view`, for the links to samples.
    """
    figures = [_scores(comparison.cells), _costs(comparison.cells), _times(comparison.cells)]
    plots = [each.to_html(full_html=False, include_plotlyjs=index == 0) for index, each in enumerate(figures)]
    warnings = "".join(f"<li>{escape(each)}</li>" for each in comparison.warnings)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Comparison</title>",
        f"<style>{_STYLE}</style><h1>Comparison</h1><p>Score: {escape(str(comparison.scorer))}. 95% intervals.</p>",
        f"<h2>Warnings</h2><ul>{warnings}</ul>" if warnings else "",
        _table(COLUMNS, rows(comparison.cells)),
        "<h2>Paired differences</h2>",
        _table(DIFFERENCES, difference_rows(comparison.differences)),
        *plots,
        "<h2>Samples</h2>",
        _grid(comparison, runs, view),
        "<h2>In force</h2>",
        _table(("Agent", "Model", "CLI", "Bridge", "Parameters"), [_in_force(cell) for cell in comparison.cells]),
    ]
    return "\n".join(parts) + "</html>\n"


def _in_force(cell: Cell) -> list[str]:
    listed = (cell.versions, cell.bridges, cell.parameters)
    return [cell.agent, cell.model, *("; ".join(map(str, each)) or "–" for each in listed)]


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ["".join(f"<td>{escape(value)}</td>" for value in row) for row in body]
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _name(cell: Cell) -> str:
    return escape(f"{cell.agent} × {cell.model}")


def _figure(title: str, x: str, y: str) -> Any:
    from plotly import graph_objects

    return graph_objects.Figure(layout={"title": title, "xaxis_title": x, "yaxis_title": y, "barmode": "stack"})


def _scores(cells: Sequence[Cell]) -> Any:
    figure = _figure("Score", "", "score")
    known = [(cell, cell.score) for cell in cells if cell.score]
    error = [score.high - score.mean if score.high is not None else None for _, score in known]
    names = [_name(cell) for cell, _ in known]
    figure.add_scatter(x=names, y=[score.mean for _, score in known], mode="markers", error_y={"array": error})
    return figure


def _costs(cells: Sequence[Cell]) -> Any:
    figure = _figure("Cost and score", "USD per run", "score")
    for cell in cells:
        if cell.cost is not None and cell.score:
            figure.add_scatter(x=[cell.cost], y=[cell.score.mean], mode="markers", name=_name(cell))
    return figure


def _times(cells: Sequence[Cell]) -> Any:
    figure = _figure("Where the time goes", "", "seconds per run")
    for part in _PARTS:
        figure.add_bar(x=[_name(cell) for cell in cells], y=[cell.seconds[part] for cell in cells], name=part)
    return figure


def _grid(comparison: Comparison, runs: Sequence[Run], view: str) -> str:
    places: dict[tuple[str, str, str], list[str]] = {}
    for run in runs:
        places.setdefault((run.sample, run.agent, run.model), []).append(_link(run, comparison.scorer, view))
    head = "".join(f"<th>{_name(cell)}</th>" for cell in comparison.cells)
    lines = [
        f"<tr><th>{escape(sample)}</th>"
        + "".join(f"<td>{' '.join(places.get((sample, c.agent, c.model), ['–']))}</td>" for c in comparison.cells)
        for sample in dict.fromkeys(run.sample for run in runs)
    ]
    return f"<table><tr><th>Sample</th>{head}</tr>{''.join(lines)}</table>"


def _link(run: Run, scorer: str | None, view: str) -> str:
    score = score_of(run, scorer)
    if is_complete(run):
        state = "wrong" if not score else "solved" if score >= 1 else "partial"
        text = "–" if score is None else f"{score:g}"
    else:
        state, text = ("error", run.facts["error"]) if run.facts["error"] else ("limit", run.facts["limit"])
    log = quote(Path(run.log).name)
    address = f"{view.rstrip('/')}/#/logs/{log}/samples/sample/{quote(run.sample, safe='')}/{run.epoch}"
    return f'<a class="{state}" href="{escape(address)}">{escape(text)}</a>'
