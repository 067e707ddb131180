"""What Inspect knows of the served model, and what the user has set."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.agent import Agent, AgentState, agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, ModelInfo, get_model, set_model_info

from inspect_swe._inspect.private import resolve_model, token_limits

CASES = [
    (None, None, (64_000, 8_000)),
    (4_000, None, (64_000, 4_000)),
    (None, 2_000, (64_000, 2_000)),
    (16_000, None, (64_000, 8_000)),
]


@pytest.mark.parametrize(("own", "evaluation", "limits"), CASES)
def test_limits_of_the_evals_model(
    tmp_path: Path, own: int | None, evaluation: int | None, limits: tuple[int | None, int | None]
) -> None:
    set_model_info("scripted/limited", ModelInfo(context_length=64_000, output_tokens=8_000))
    found = []

    @agent
    def looking() -> Agent:
        async def execute(state: AgentState) -> AgentState:
            found.append(token_limits(resolve_model(None)))
            return state

        return execute

    model = get_model("scripted/limited", config=GenerateConfig(max_tokens=own), memoize=False)
    (log,) = eval(
        Task(dataset=[Sample(input="x")], solver=as_solver(looking())),
        model=model,
        display="none",
        log_dir=str(tmp_path),
        max_tokens=evaluation,
    )
    assert log.status == "success" and found == [limits]


def test_an_unknown_model() -> None:
    assert token_limits(get_model("scripted/nobody-knows")) == (None, None)
    assert token_limits(get_model("scripted/nobody-knows", config=GenerateConfig(max_tokens=5))) == (None, 5)
