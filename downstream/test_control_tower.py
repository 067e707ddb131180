"""Control Tower, installed without its exact pin of our version: an agent of ours as the harness of a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from control_tower.eval.harness import InspectSweHarness, build_sandbox_agent, pin_agent_version
from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
)
from inspect_ai.model._model import ModelGenerateError
from inspect_ai.tool import Tool, ToolChoice, ToolInfo, tool

import inspect_swe
from tests.e2e.harness import Run, run_agent, tool_results

TASK: list[ChatMessage] = [ChatMessageSystem(content="Not sent."), ChatMessageUser(content="Ask the engine.")]


@tool
def engine_status() -> Tool:
    async def execute() -> str:
        """Return the engine's status."""
        return "ENGINE-RUNS"

    return execute


def run_harness(folder: Path, harness: InspectSweHarness, on_call: Any) -> Run:
    """Run a harness whose requests the protocol answers."""
    made, opening = build_sandbox_agent(
        harness,
        on_call=on_call,
        tools=[],
        engine_tools=[engine_status()],
        task_messages=TASK,
        presented="mockllm/model",
    )
    run = run_agent(folder, made, [], prompt=opening)
    assert run.error is None, run.error
    return run


@pytest.mark.parametrize("agent", ["claude_code", "codex_cli", "kimi_code"])
def test_a_version_is_pinned_for_the_record(agent: str) -> None:
    pinned = pin_agent_version(InspectSweHarness(kind="inspect_swe", agent=agent, version="stable"))
    assert pinned.version == inspect_swe.resolve_agent_version(agent, "stable")


@pytest.mark.docker
@pytest.mark.parametrize("agent", ["claude_code", "codex_cli", "kimi_code"])
def test_a_protocol_answers_every_request(agent: str, tmp_path: Path) -> None:
    called: list[str] = []

    async def on_call(
        model: Model, input: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice | None, config: GenerateConfig
    ) -> ModelOutput:
        name = next((each.name for each in tools if each.name.endswith("engine_status")), None)
        if name is None or any(message.role == "tool" for message in input):
            return ModelOutput.from_content("protocol", "FROM-THE-PROTOCOL")
        called.append(name)
        return ModelOutput.for_tool_call("protocol", name, {})

    harness = pin_agent_version(
        InspectSweHarness(kind="inspect_swe", agent=agent, version="stable", args={"retry_refusals": "2"})
    )
    run = run_harness(tmp_path, harness, on_call)
    assert run.sample.output.completion == "FROM-THE-PROTOCOL"
    assert len(called) == 1 and "ENGINE-RUNS" in "\n".join(tool_results(run.sample.messages))
    if agent == "claude_code":
        assert called == ["mcp__ctengine__engine_status"]


@pytest.mark.docker
def test_an_overlong_prompt_is_compacted(tmp_path: Path) -> None:
    """The CLI sees the protocol's error as the provider's, and asks for a summary."""
    requests: list[str] = []

    async def on_call(
        model: Model, input: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice | None, config: GenerateConfig
    ) -> ModelOutput | None:
        requests.append("\n".join(message.text for message in input))
        if len(requests) == 2:
            raise ModelGenerateError("prompt is too long: 201000 tokens > 200000 maximum", status_code=400)
        if len(requests) == 1:
            return ModelOutput.for_tool_call("protocol", "Bash", {"command": "echo first"})
        return ModelOutput.from_content("protocol", "SUMMARY-OR-ANSWER")

    harness = InspectSweHarness(
        kind="inspect_swe", agent="claude_code", version=inspect_swe.resolve_agent_version("claude_code", "stable")
    )
    run_harness(tmp_path, harness, on_call)
    assert any("summary of the conversation" in request for request in requests[2:]), requests[2:]
