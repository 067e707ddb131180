"""The evals of interactive agents, as Inspect runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import eval
from inspect_ai.event import InfoEvent
from inspect_ai.log import EvalLog, EvalSample

EVALS = Path(__file__).parents[2] / "evals" / "interactive.py"


def run(folder: Path, task: str) -> EvalLog:
    (log,) = eval(
        f"{EVALS}@{task}",
        model=f"scripted/{task}",
        display="none",
        log_dir=str(folder),
        task_args={"agent": "gemini_cli"},
    )
    assert log.status == "success", log.error
    return log


def turns(sample: EvalSample) -> list[str]:
    """How each of its turns ended."""
    told = [event.data for event in sample.events if isinstance(event, InfoEvent) and event.source == "inspect_swe"]
    return [str(data["stop_reason"]) for data in told if isinstance(data, dict) and data.get("event") == "turn"]


@pytest.mark.parametrize(
    ("task", "ends"),
    [
        ("scripted_turns", [["end_turn"] * 3]),
        ("objecting_user", [["cancelled", "end_turn"]]),
        ("resumed", [["end_turn"], ["end_turn"]]),
    ],
)
def test_eval(task: str, ends: list[list[str]], tmp_path: Path) -> None:
    log = run(tmp_path, task)
    assert log.results is not None
    assert log.results.scores[0].metrics["accuracy"].value == 1
    assert [turns(sample) for sample in log.samples or []] == ends
