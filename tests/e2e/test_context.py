"""Each CLI goes by the served model's real context window: it compacts near its end, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.event import ModelEvent
from inspect_ai.log import resolve_sample_attachments
from inspect_ai.model import ModelUsage

from inspect_swe import claude_code, codex_cli, kimi_code, opencode, qwen_code
from inspect_swe.acp import interactive_gemini_cli
from inspect_swe.testing import DynamicStep, ScriptedRequest, Step, say, scripted, shell

from .harness import Run, compose_file, mounts, run_agents

FILLED = (0.45, 0.6, 0.8, 0.88, 0.99)
"""How much of the window the conversation takes, as the model says with each answer."""

SUMMARY = "<analysis>-</analysis><state_snapshot>WHAT-WENT-BEFORE</state_snapshot>"
ASKS = ("CHECKPOINT COMPACTION", "Respond with TEXT ONLY", "anchored summary", "<state_snapshot>", "handoff summary")
"""What the CLIs' requests for a summary have, and no other request's last message."""


@agent
def gemini_in_turns() -> Agent:
    """Gemini CLI, which compacts between prompts only."""

    async def execute(state: AgentState) -> AgentState:
        async with interactive_gemini_cli().session(state) as session:
            for _ in range(4):
                await session.prompt("JUST-ANSWER")
        return state

    return execute


def asks(text: str) -> bool:
    return any(mark in text for mark in ASKS)


def filling(window: int) -> DynamicStep:
    """One step for all requests: answers that say that the window fills, most of it from a cache, until a summary."""

    def step(request: ScriptedRequest) -> Step:
        last = request.messages[-1].text
        compacted = any("WHAT-WENT-BEFORE" in message.text for message in request.messages)
        if asks(last) and not compacted:
            return say(SUMMARY)
        if request.index >= len(FILLED) or compacted:
            return say("done", usage=ModelUsage(input_tokens=900, output_tokens=5))
        cached = int(window * FILLED[request.index]) - 1000
        usage = ModelUsage(
            input_tokens=100, input_tokens_cache_write=900, input_tokens_cache_read=cached, output_tokens=5
        )
        return say("answer", usage=usage) if "JUST-ANSWER" in last else shell(f"echo {cached}", usage=usage)

    return step


def compacted_at(run: Run) -> float | None:
    """How full the window was when the CLI asked for a summary."""
    assert run.error is None, f"{run.log.eval.task}: {run.error}"
    events = resolve_sample_attachments(run.sample).events
    asked = [asks(event.input[-1].text) for event in events if isinstance(event, ModelEvent)]
    return FILLED[asked.index(True) - 1] if True in asked else None


SMALL: dict[str, tuple[Agent, float]] = {
    "claude_code": (claude_code(), 0.8),
    "claude_code_known": (claude_code(model_config="claude-sonnet-4-5"), 0.8),
    "codex_cli": (codex_cli(), 0.99),
    "codex_cli_known": (codex_cli(model_config="gpt-5.5"), 0.99),
    "gemini_cli": (gemini_in_turns(), 0.6),
    "kimi_code": (kimi_code(), 0.88),
    "opencode": (opencode(), 0.8),
    "qwen_code": (qwen_code(), 0.8),
}
LARGE: dict[str, tuple[Agent, float]] = {
    "claude_code_known": (claude_code(model_config="claude-sonnet-4-5"), 0.99),
    "codex_cli": (codex_cli(), 0.99),
    "kimi_code": (kimi_code(), 0.88),
    "opencode": (opencode(), 0.99),
    "qwen_code": (qwen_code(), 0.88),
}


@pytest.mark.parametrize(("window", "cases"), [(64_000, SMALL), (1_000_000, LARGE)], ids=["small", "large"])
def test_compaction(tmp_path: Path, window: int, cases: dict[str, tuple[Agent, float]]) -> None:
    keys = ("claude_code", "codex_cli", "gemini_cli", "kimi_code", "opencode", "qwen_code")
    volumes = {str(mount): mount for key in keys for mount in mounts(key, "stable")}
    runs = run_agents(
        tmp_path,
        {key: agent for key, (agent, _) in cases.items()},
        [],
        ("lean_test", compose_file(tmp_path, volumes=list(volumes.values()))),
        model=scripted([filling(window)] * 8, name=f"of-{window}", context_window=window, side_call=SUMMARY),
    )
    assert {key: compacted_at(run) for key, run in runs.items()} == {key: at for key, (_, at) in cases.items()}
    answers = {key: run.sample.output.completion for key, run in runs.items() if key != "gemini_cli"}
    assert answers == dict.fromkeys(answers, "done"), "what comes after the summary is the conversation"
