"""Limits on agents that stand still or repeat themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai.agent import Agent, as_solver
from inspect_ai.util import Limit

from inspect_swe import claude_code, codex_cli, idle_limit, opencode, repeat_limit
from inspect_swe._runtime import bridge_connection
from inspect_swe._runtime.output_limit import MAX_TRUNCATED
from inspect_swe.testing import ScriptStep, cut, say, shell

from .harness import run_agent


@pytest.mark.parametrize(
    ("agent", "limit", "script", "calls"),
    [
        (claude_code(), idle_limit(10), [shell("echo one"), shell("echo two; sleep 600")], 2),
        (codex_cli(), repeat_limit(3), [shell("echo one"), *[shell("echo two")] * 9, say("never")], 4),
    ],
    ids=["idle", "repeat"],
)
def test_the_sample_ends_with_the_limit(
    tmp_path: Path, agent: Agent, limit: Limit, script: list[ScriptStep], calls: int
) -> None:
    run = run_agent(tmp_path, agent, script, solver=as_solver(agent, limits=[limit]), show="ps -e | grep -c sleep")
    assert run.error is None
    assert run.sample.limit and run.sample.limit.type == "custom" and run.sample.limit.limit == limit.limit
    assert run.seen == "0\n", "its command is still running"
    assert sum(len(m.tool_calls or []) for m in run.sample.messages if m.role == "assistant") == calls


def test_what_is_no_limit() -> None:
    with pytest.raises(ValueError, match="seconds above 0"):
        idle_limit(0)
    with pytest.raises(ValueError, match="at least 2"):
        repeat_limit(1)


def test_cut_answers_end_the_prompt_over_inspects_own_bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_connection, "BRIDGE_AVAILABLE", False)
    script: list[ScriptStep] = [shell("echo before it"), *[cut("HALF", shell("touch cut"))] * 60]
    run = run_agent(tmp_path, opencode(), script)
    assert run.error is None, run.error
    assert run.info["bridge"] == "inspect"
    assert run.sample.output.stop_reason == "max_tokens"
    # The first answer is whole, and the next request may be under way when the count is full.
    assert MAX_TRUNCATED + 1 <= len(run.requests) <= MAX_TRUNCATED + 3
