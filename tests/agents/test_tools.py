"""The CLIs' own tools, their kinds, and what approval policies make of them."""

from __future__ import annotations

import inspect
from typing import get_args

import anyio
import pytest
from inspect_ai.approval import ApprovalPolicy, auto_approver
from inspect_ai.approval._policy import policy_approver
from inspect_ai.tool import ToolCall, ToolCallView

import inspect_swe
from inspect_swe import AgentOptionError, cli_tools
from inspect_swe._agents import ROSTER
from inspect_swe._contract.adapter import Adapter, ToolKind


@pytest.mark.parametrize("adapter", ROSTER)
def test_every_agent_has_a_shell_and_known_kinds(adapter: type[Adapter]) -> None:
    assert "execute" in adapter.tools.values()
    assert set(adapter.tools.values()) <= set(get_args(ToolKind))
    assert cli_tools(agent=adapter.key) == sorted(f"{name}(*" for name in adapter.tools)


def test_interactive_agents_have_the_tools_of_the_others() -> None:
    for name in filter(lambda name: name.startswith("interactive_"), inspect_swe.__all__):
        plain = name.removeprefix("interactive_")
        assert cli_tools("edit", agent=name) == cli_tools("edit", agent=plain)
        module = inspect.getmodule(getattr(inspect_swe, name))
        (adapter,) = [
            each
            for _, each in inspect.getmembers(module, inspect.isclass)
            if each.__module__ == module.__name__ and issubclass(each, Adapter)  # type: ignore[union-attr]
        ]
        assert adapter.tools is next(each for each in ROSTER if each.key == plain).tools


def test_kinds_are_chosen_of_all_agents_or_one() -> None:
    shells = {"Bash(*", "bash(*", "exec_command(*", "run_shell_command(*"}
    assert shells <= set(cli_tools("execute"))
    assert cli_tools("execute", "fetch", agent="mini_swe_agent") == ["bash(*"]
    assert set(cli_tools("edit", "delete")) == {*cli_tools("edit"), *cli_tools("delete")}
    assert not shells & set(cli_tools("read", "edit", "delete", "move", "search", "think", "fetch", "other"))


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(AgentOptionError, match="no tool kind 'shell'"):
        cli_tools("shell")  # type: ignore[arg-type]
    with pytest.raises(AgentOptionError, match="no agent 'interactive_nobody'"):
        cli_tools("execute", agent="interactive_nobody")


@pytest.mark.parametrize(
    ("call", "governed"),
    [
        (ToolCall("1", "Bash", {"command": "ls"}), True),
        (ToolCall("1", "Bash", {"command": "echo '\n)' | sh"}), True),
        (ToolCall("1", "exec", {"input": "x" * 100_000}), True),
        (ToolCall("1", "bash", {}), True),
        (ToolCall("1", "BashOutput", {"bash_id": "1"}), False),
        (ToolCall("1", "mcp__shell__Bash", {"command": "ls"}), False),
        (ToolCall("1", "Read", {"file_path": "Bash("}), False),
    ],
)
def test_inspect_matches_the_patterns_with_whole_names(call: ToolCall, governed: bool) -> None:
    approve = policy_approver([ApprovalPolicy(auto_approver("terminate"), cli_tools("execute"))])
    approval = anyio.run(approve, "", call, ToolCallView(), [])
    assert approval.decision == ("terminate" if governed else "reject")
