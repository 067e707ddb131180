"""inspect-flow: a configuration names agents by their registry names, with plain arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_flow import FlowAgent, FlowOptions, FlowSpec, FlowTask, agents_matrix, tasks_matrix
from inspect_flow.api import run

from inspect_swe._agents import ROSTER
from inspect_swe.testing import register_script, say
from tests.e2e.harness import compose_file

from .support import volumes

AGENTS = ["claude_code", "codex_cli", "opencode"]
MODELS = ["scripted/flow_one", "scripted/flow_two"]


@pytest.mark.docker
def test_three_agents_with_two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for model in MODELS:
        register_script(model.partition("/")[2], [say("FLOW-ANSWER")])
    compose = compose_file(tmp_path, volumes=volumes(*AGENTS))

    @task
    def flow_task() -> Task:
        return Task(
            dataset=[Sample(input="Say it.", target="FLOW-ANSWER")], scorer=includes(), sandbox=("lean_test", compose)
        )

    spec = FlowSpec(
        log_dir=str(tmp_path / "logs"),
        execution_type="inproc",
        options=FlowOptions(max_tasks=3, display="none"),
        tasks=tasks_matrix(
            task=FlowTask(factory=flow_task),
            solver=[FlowAgent(name=f"inspect_swe/{agent}") for agent in AGENTS],
            model=MODELS,
        ),
    )
    result = run(spec)
    assert result.success
    ran = {(log.plan.steps[0].solver, log.eval.model) for log in result.logs}
    assert ran == {(f"inspect_swe/{agent}", model) for agent in AGENTS for model in MODELS}
    assert all(log.results and log.results.scores[0].metrics["accuracy"].value == 1 for log in result.logs)


def test_every_agent_can_be_configured() -> None:
    agents = agents_matrix(agent=[f"inspect_swe/{adapter.key}" for adapter in ROSTER], args=[{"version": "stable"}])
    assert [agent.name for agent in agents] == [f"inspect_swe/{adapter.key}" for adapter in ROSTER]
