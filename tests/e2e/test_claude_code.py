"""The real Claude Code in real containers without a network."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.tool import Tool, ToolError, tool

from inspect_swe import claude_code
from inspect_swe.testing import call, say, shell

from .harness import run_agent, tool_results

FAKE_MCP = str(Path(__file__).parent.parent / "fakes" / "mcp_stdio.py")


def test_basic(tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        claude_code(env={"MINE": "my-own-value"}),
        [shell("printf hi > out.txt; id -un; pwd"), say("All done.")],
        prompt="Please write out.txt.",
        show="cat out.txt",
    )
    assert run.seen == "hi"
    assert run.sample.output.completion == "All done."
    assert "root\n/workspace" in tool_results(run.sample.messages)[0]
    assert any("Please write out.txt." in message.text for message in run.sample.messages if message.role == "user")
    assert run.info["version"] == "2.1.329"
    assert run.info["source"] == "mount"
    assert run.info["transport"] == "docker"
    assert "--print" in run.info["command"] and run.info["env"]["MINE"] == "***"
    assert "my-own-value" not in str(run.info)
    assert len(run.requests) == 2
    assert run.sample.model_usage["scripted/script"].total_tokens > 0


@tool
def lookup() -> Tool:
    async def execute(what: str) -> str | int:
        """Look something up on the host.

        Args:
            what: One of number, text, error.
        """
        if what == "number":
            return 42
        if what == "error":
            raise ToolError("HOST-SAYS-NO")
        return f"text for {what}"

    return execute


def test_bridged_tool(tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        claude_code(bridged_tools=[BridgedToolsSpec(name="host", tools=[lookup()])]),
        [
            call("host/lookup", what="number"),
            call("host/lookup", what="text"),
            call("host/lookup", what="error"),
            say("done"),
        ],
    )
    assert run.error is None
    number, text, error = tool_results(run.sample.messages)
    assert number == "42"
    assert text == "text for text"
    assert "HOST-SAYS-NO" in error
    tool_events = [event for event in run.sample.events if event.event == "tool"]
    assert [event.function for event in tool_events] == ["lookup"] * 3


def test_task_files_stay_as_they_are(tmp_path: Path) -> None:
    settings = '{"permissions": {"deny": ["WebFetch"]}, "env": {"FROM_TASK": "yes"}}'
    setup = """#!/bin/sh
    set -e
    cd /workspace
    git init -q . && git config user.email a@b && git config user.name n
    mkdir -p .claude
    printf '%s' '{"permissions": {"deny": ["WebFetch"]}, "env": {"FROM_TASK": "yes"}}' > .claude/settings.json
    echo 'PROJECT-MEMORY' > CLAUDE.md; echo 'AGENTS-FILE' > AGENTS.md
    mkdir -p ~/.claude; echo '{"env": {"FROM_HOME": "too"}}' > ~/.claude/settings.json
    git add -A && git commit -qm init
    find . ~/.claude -type f -not -path './.git/*' | sort | xargs md5sum > /before
    """
    run = run_agent(
        tmp_path,
        claude_code(system_prompt="be brief"),
        [shell('echo "$FROM_TASK $FROM_HOME" > work.txt'), say("done")],
        setup=setup,
        show="cat work.txt; git status --porcelain; "
        "find . ~/.claude -type f -not -path './.git/*' -not -name work.txt | sort | xargs md5sum | diff - /before && "
        "cat .claude/settings.json",
    )
    assert run.seen == f"yes too\n?? work.txt\n{settings}"
    assert any("PROJECT-MEMORY" in message.text for message in run.requests[0].messages)
