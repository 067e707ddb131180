"""The matrix of agents and behaviours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from inspect_ai import eval
from inspect_ai.log import EvalLog, EvalSample
from rich.console import Console
from rich.table import Table

from ._behaviour import BEHAVIOURS
from ._task import conformance_task


@dataclass(frozen=True)
class Cell:
    """The result of an agent for one behaviour.

    Args:
        verdict: "ok", "failed", or "n/a" where the behaviour does not apply.
        why: Reason of the failure, or why the behaviour does not apply.
        seconds: Duration of the run, which several behaviours may share.
    """

    verdict: Literal["ok", "failed", "n/a"]
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Matrix:
    """The results of several agents.

    Args:
        cells: Cells by agent, then by behaviour.
        versions: Tested CLI version of each agent.
        logs: Location of each agent's log.
    """

    cells: Mapping[str, Mapping[str, Cell]]
    versions: Mapping[str, str]
    logs: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether no cell has failed."""
        return all(cell.verdict != "failed" for row in self.cells.values() for cell in row.values())

    def print(self, console: Console) -> None:
        """Print the matrix, and the reasons of all cells that are not ok."""
        table = Table(box=None, pad_edge=False)
        table.add_column("behaviour", no_wrap=True)
        for agent in self.cells:
            table.add_column(f"{agent}\n{self.versions[agent]}", no_wrap=True)
        for name in dict.fromkeys(name for row in self.cells.values() for name in row):
            cells = [row.get(name) for row in self.cells.values()]
            table.add_row(name, *(f"{cell.verdict} {cell.seconds:.0f}s" if cell else "" for cell in cells))
        console.print(table)
        for agent, row in self.cells.items():
            for name, cell in row.items():
                if cell.why:
                    console.print(f"{agent} {name}: {cell.verdict}: {cell.why}")


def run_matrix(
    agents: Sequence[str],
    version: str | None = None,
    behaviours: Sequence[str] | None = None,
    *,
    log_dir: str | None = None,
    display: Literal["full", "rich", "plain", "none"] | None = None,
    max_samples: int | None = None,
    **images: str,
) -> Matrix:
    """Test the conformance of agents.

    Args:
        agents: Names of the agents; see `conformance_task`.
        version: Version of their CLIs (default: each agent's own default).
        behaviours: Names of the behaviours (default: all).
        log_dir: Folder for the logs.
        display: Inspect's progress display.
        max_samples: Maximum number of concurrent containers (default: two per processor).
        **images: `image` and `minimal_image`; see `conformance_task`.
    """
    cells, versions, logs = {}, {}, {}
    for agent in agents:
        log = eval(
            conformance_task(agent, version, behaviours, **images),
            log_dir=log_dir,
            display=display,
            fail_on_error=False,
            max_samples=max_samples or 2 * (os.cpu_count() or 1),
        )[0]
        sample_cells = {name: cell for sample in log.samples or [] for name, cell in _cells(sample).items()}
        cells[agent] = {name: sample_cells[name] for name in behaviours or BEHAVIOURS if name in sample_cells}
        versions[agent] = _version(log)
        logs[agent] = log.location
    return Matrix(cells, versions, logs)


def _cells(sample: EvalSample) -> dict[str, Cell]:
    names, seconds = BEHAVIOURS[str(sample.id)].names, sample.total_time or 0.0
    if sample.error is not None or not sample.scores:
        message = sample.error.message if sample.error else "the sample was not scored"
        return dict.fromkeys(names, Cell("failed", f"{message[:2000]}", seconds))
    verdicts: dict[object, Literal["ok", "failed", "n/a"]] = {"C": "ok", "N": "n/a"}
    judged = (sample.scores["conforms"].metadata or {})["behaviours"]
    return {name: Cell(verdicts.get(value, "failed"), why, seconds) for name, (value, why) in judged.items()}


def _version(log: EvalLog) -> str:
    versions = {
        str(event.data.get("version"))
        for sample in log.samples or []
        for event in sample.events
        if event.event == "info" and event.source == "inspect_swe" and isinstance(event.data, dict)
        if event.data.get("version")
    }
    return ", ".join(sorted(versions)) or "?"
