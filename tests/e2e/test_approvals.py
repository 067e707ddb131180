"""Approval policies made with `cli_tools()` govern what the real CLIs run in their shells."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from inspect_ai.approval import Approval, ApprovalPolicy, Approver, approver, auto_approver
from inspect_ai.event import ApprovalEvent, ModelEvent
from inspect_ai.model import ChatMessage
from inspect_ai.tool import ToolCall, ToolCallView

import inspect_swe
from inspect_swe import cli_tools
from inspect_swe.testing import finish, shell

from .harness import compose_file, mounts, run_agents

AGENTS = ("claude_code", "codex_cli", "opencode")


@approver
def careful() -> Approver:
    """Rejects a command that forbids itself, and has another one do something else."""

    async def approve(message: str, call: ToolCall, view: ToolCallView, history: list[ChatMessage]) -> Approval:
        (name,) = {"command", "cmd"} & call.arguments.keys()
        command = str(call.arguments[name])
        if "FORBIDDEN" in command:
            return Approval(decision="reject", explanation="NOT-WITH-ME")
        changed = {**call.arguments, name: command.replace("asked", "changed")}
        return Approval(decision="modify", modified=dataclasses.replace(call, arguments=changed))

    return approve


def test_a_policy_governs_the_shells_of_the_clis(tmp_path: Path) -> None:
    policies = [ApprovalPolicy(careful(), cli_tools("execute")), ApprovalPolicy(auto_approver("terminate"), "*")]
    volumes = [mount for agent in AGENTS for mount in mounts(agent, "stable")]
    runs = run_agents(
        tmp_path,
        {agent: getattr(inspect_swe, agent)() for agent in AGENTS},
        [shell("echo FORBIDDEN > no.txt"), shell("echo asked > yes.txt"), finish("Done.")],
        ("lean_test", compose_file(tmp_path, volumes=volumes)),
        "ls; cat yes.txt",
        approval=policies,
    )
    for agent, run in runs.items():
        assert run.seen == "yes.txt\nchanged\n", agent
        events = [event for event in run.sample.events if isinstance(event, ApprovalEvent)]
        assert [event.decision for event in events] == ["reject", "modify"], agent
        assert all(f"{event.call.function}(*" in cli_tools("execute", agent=agent) for event in events), agent
        second = [event for event in run.sample.events if isinstance(event, ModelEvent)][1]
        told = [message.error.message for message in second.input if message.role == "tool" and message.error]
        assert told == ["NOT-WITH-ME"], agent
