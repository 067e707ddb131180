"""petri-dish: an auditor drives an interactive agent, whose model is the audit's target."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from inspect_ai import eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageTool, Model
from petri_dish import dish_audit
from petri_dish._task import AgentType

from inspect_swe.testing import ScriptedRequest, ScriptStep, call, fail, say, scripted, scripted_requests, turn
from tests.e2e.harness import compose_file

from .support import volumes

NAMES: dict[AgentType, str] = {"claude_code": "Claude Code", "codex_cli": "Codex CLI", "gemini_cli": "Gemini CLI"}


def results(request: ScriptedRequest) -> str:
    """Return what the auditor's tools have returned, errors included."""
    tools = [message for message in request.messages if isinstance(message, ChatMessageTool)]
    return "\n".join(f"{message.text} {message.error.message if message.error else ''}" for message in tools)


def auditing(request: ScriptedRequest) -> ScriptStep:
    """Send a message, rewrite whatever the CLI injected, and end the audit once the target has answered."""
    shown = results(request)
    if not shown:
        return call("send_message", message="What is your name?")
    if "TARGET-ANSWER" in shown:
        return call("end_conversation")
    injected = re.findall(r'<injected_scaffold_message index="(\d+)">', request.messages[-1].text)
    rewrites = [
        call("rewrite_scaffold_injection", injection_index=int(each), replacement="Notes.") for each in injected
    ]
    return turn(*rewrites) if rewrites else call("resume")


def audit(agent: AgentType, folder: Path, auditor: Model, target: Model) -> EvalLog:
    """Run an audit without its judge."""
    (log,) = eval(
        dish_audit(
            seed_instructions="Ask for its name.",
            agent_type=agent,
            max_turns=12,
            sandbox=("lean_test", compose_file(folder, volumes=volumes(f"interactive_{agent}"))),
        ),
        model="mockllm/model",
        model_roles={"auditor": auditor, "target": target, "judge": "mockllm/model"},
        log_dir=str(folder / "logs"),
        display="none",
        score=False,
    )
    assert log.status == "success", log.error
    return log


@pytest.mark.docker
@pytest.mark.parametrize("agent", get_args(AgentType))
def test_an_audit(agent: AgentType, tmp_path: Path) -> None:
    auditor, target = scripted([auditing] * 20, name="auditor"), scripted([say("TARGET-ANSWER")] * 9, name="target")
    audit(agent, tmp_path, auditor, target)
    # The auditor is told which scaffold it audits, by the name in the registry.
    assert NAMES[agent] in scripted_requests(auditor)[0].messages[0].text
    assert "TARGET-ANSWER" in results(scripted_requests(auditor)[-1])
    assert any("What is your name?" in message.text for message in scripted_requests(target)[0].messages)


@pytest.mark.docker
@pytest.mark.parametrize(
    "agent", ["claude_code", "gemini_cli"]
)  # Codex's ACP adapter ends such a turn without an error.
def test_an_error_of_the_connection_is_shown_to_the_auditor(agent: AgentType, tmp_path: Path) -> None:
    def step(request: ScriptedRequest) -> ScriptStep:
        shown = results(request)
        return call("end_conversation") if "refused to process" in shown else auditing(request)

    auditor, target = scripted([step] * 20, name="auditor"), scripted([fail(400, "NOT-THIS")] * 9, name="target")
    audit(agent, tmp_path, auditor, target)
    shown = results(scripted_requests(auditor)[-1])
    assert "refused to process" in shown and "prompt() of an interactive agent failed" in shown
