"""The conformance suite's own logic: which samples there are, and what is refused."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task
from inspect_ai.agent import Agent, AgentState, agent

from inspect_swe.conformance import BEHAVIOURS, conformance_task

EVAL = Path(__file__).parent.parent / "evals" / "conformance.py"


@agent
def nameless() -> Agent:
    """An agent without any option."""

    async def execute(state: AgentState) -> AgentState:
        return state

    return execute


def ids(task: Task) -> list[Any]:
    return [sample.id for sample in task.dataset]


def test_all_behaviours_and_those_that_wait_first() -> None:
    names = ids(conformance_task("claude_code"))
    assert names[:3] == ["provider_error_429", "provider_recovers", "time_limit_met"]
    assert sorted(name for run in names for name in BEHAVIOURS[run].names) == sorted(BEHAVIOURS)


def test_behaviours_that_share_a_run() -> None:
    assert ids(conformance_task("claude_code", behaviours=["system_prompt", "root_conversation"])) == ["basic"]


@pytest.mark.parametrize(("given", "expected"), [("basic", ["basic"]), (["basic", "killed"], ["basic", "killed"])])
def test_behaviours_as_inspect_hands_them_over(given: str | list[str], expected: list[str]) -> None:
    assert ids(runpy.run_path(str(EVAL))["conformance"](behaviours=given)) == expected


def test_what_cannot_be_tried_is_refused_before_any_container() -> None:
    with pytest.raises(ValueError, match="Unknown behaviour: nonsense"):
        conformance_task("claude_code", behaviours=["nonsense"])
    with pytest.raises(ValueError, match="no option `version`"):
        conformance_task(nameless, version="1.0.0")
