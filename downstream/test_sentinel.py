"""inspect-sentinel: protocols that reject a command of a CLI before it runs, change one, and end a sample."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.event import SpanBeginEvent
from inspect_ai.log import read_eval_log
from inspect_sentinel import BeforeToolCall, Context, Decision, Escalations, Protocol, call_text, protocol

import inspect_swe
from inspect_swe.testing import say, shell
from tests.e2e.harness import run_agent
from tests.e2e.test_transcript import delegate

GUIDE = Path(__file__).parents[1] / "docs/guides/control.md"
AGENTS = ("claude_code", "codex_cli", "gemini_cli", "kimi_code", "opencode")


@protocol
def careful(steps: list[BeforeToolCall]) -> Protocol:
    async def decide(context: Context, step: BeforeToolCall, escalations: Escalations) -> Decision:
        steps.append(step)
        if "rm " in call_text(step.call):
            return Decision(action="reject", message="DELETION-REFUSED", explanation="It deletes.")
        if "stop" in call_text(step.call):
            return Decision(action="terminate", explanation="It was asked to stop.")
        if "first" in call_text(step.call):
            changed = {name: _second(value) for name, value in step.call.arguments.items()}
            return Decision(action="modify", modified=replace(step.call, arguments=changed))
        return Decision(action="proceed")

    return decide


def _second(value: Any) -> Any:
    return value.replace("first", "second") if isinstance(value, str) else value


@pytest.mark.docker
@pytest.mark.parametrize("name", AGENTS)
def test_decisions(name: str, tmp_path: Path) -> None:
    steps: list[BeforeToolCall] = []
    run = run_agent(
        tmp_path,
        getattr(inspect_swe, name)(),
        [
            shell("touch /workspace/kept"),
            shell("rm /workspace/kept"),
            shell("echo first > /workspace/word"),
            shell("touch /workspace/stop"),
            say("Done."),
        ],
        show="ls /workspace; cat /workspace/word",
        evaluation={"sentinel": careful(steps)},
    )
    assert run.seen.split() == ["kept", "word", "second"]
    told = [getattr(message, "error", None) for request in run.requests for message in request.messages]
    assert any("DELETION-REFUSED" in error.message for error in told if error)
    assert len(steps) == 4 and len({step.conversation for step in steps}) == 1
    assert all(step.input for step in steps), "each step has the input of its model call"
    assert run.sample.limit is not None and "asked to stop" in str(run.sample.limit)


@pytest.mark.docker
@pytest.mark.parametrize("name", ["claude_code", "codex_cli"])
def test_sub_agents(name: str, tmp_path: Path) -> None:
    steps: list[BeforeToolCall] = []
    evaluation = {"sentinel": careful(steps)}
    run = run_agent(tmp_path, getattr(inspect_swe, name)(), [delegate] * 30, evaluation=evaluation)
    assert run.error is None, run.error
    spans = {event.id for event in run.sample.events if isinstance(event, SpanBeginEvent)}
    delegated = {call_text(step.call): step.conversation for step in steps if "echo " in call_text(step.call)}
    (root,) = {step.conversation for step in steps} - {*delegated.values()}
    assert len(delegated) == len({*delegated.values()}) > 2, "each sub-agent is a conversation of its own"
    assert {root, *delegated.values()} <= spans


@pytest.mark.docker
def test_the_guide(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "guide"}
    for block in re.findall(r"```py title=.*?\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, "guide.py", "exec", dont_inherit=True), names)  # noqa: S102
    run = run_agent(
        tmp_path,
        inspect_swe.claude_code(),
        [shell("touch /workspace/kept"), shell("rm /workspace/kept"), say("Done.")],
        show="ls /workspace",
        evaluation={"sentinel": names["no_deletion"]()},
    )
    assert run.seen == "kept\n"
    (log,) = tmp_path.rglob("*.eval")
    assert read_eval_log(str(log)).status == "success"
    (ran,) = names["audit"](str(log))
    assert "touch /workspace/kept" in ran
    assert names["monitored"]()
