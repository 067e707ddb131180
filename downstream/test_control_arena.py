"""ControlArena: an agent that is wrapped as a model answers every request of the CLI."""

from __future__ import annotations

from pathlib import Path

import pytest
from control_arena import AgentToModel
from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.model import ModelOutput

from inspect_swe import claude_code
from tests.e2e.harness import run_agent


@pytest.mark.docker
def test_a_model_that_is_an_agent(tmp_path: Path) -> None:
    requests: list[str] = []

    @agent
    def protocol() -> Agent:
        async def execute(state: AgentState, tools: object = None) -> AgentState:
            requests.append("\n".join(message.text for message in state.messages))
            state.output = ModelOutput.from_content("agent_to_model", "FROM-THE-PROTOCOL")
            return state

        return execute

    run = run_agent(tmp_path, claude_code(model=AgentToModel(protocol())), [], prompt="What does the protocol say?")
    assert run.error is None, run.error
    assert run.sample.output.completion == "FROM-THE-PROTOCOL"
    assert any("What does the protocol say?" in request for request in requests)
    assert run.requests == []
