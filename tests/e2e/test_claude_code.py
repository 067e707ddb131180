"""The real Claude Code in real containers without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai.agent import AgentAttempts, BridgedToolsSpec
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool, ToolError, tool
from inspect_ai.util import sandbox

from inspect_swe import claude_code
from inspect_swe.testing import ScriptStep, call, say, shell, turn

from .harness import run_agent

FAKE_MCP = str(Path(__file__).parent.parent / "fakes" / "mcp_stdio.py")


def tool_results(run_messages: list) -> list[str]:  # type: ignore[type-arg]
    return [message.text for message in run_messages if isinstance(message, ChatMessageTool)]


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


@scorer(metrics=[accuracy()])
def third_time_lucky() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        done = await sandbox().exec(["sh", "-c", "cat tries 2>/dev/null | wc -l"])
        tries = int(done.stdout)
        return Score(value=CORRECT if tries >= 3 else INCORRECT, answer=str(tries))

    return score


def test_attempts_share_one_session(tmp_path: Path) -> None:
    steps: list[ScriptStep] = [shell("echo x >> tries"), say("try 1"), shell("echo x >> tries"), say("try 2")]
    steps += [shell("echo x >> tries"), say("try 3")]
    run = run_agent(
        tmp_path,
        claude_code(
            attempts=AgentAttempts(attempts=3, incorrect_message="WRONG-TRY-AGAIN"), system_prompt="SYSTEM-MARKER-77"
        ),
        steps,
        prompt="THE-TASK-TEXT",
        scorer=third_time_lucky(),
    )
    assert run.error is None
    assert run.sample.scores and run.sample.scores["third_time_lucky"].value == "C"
    assert len(run.requests) == 6
    last = run.requests[-1].messages
    texts = [message.text for message in last]
    assert sum("SYSTEM-MARKER-77" in text for text in texts) == 1
    assert sum("THE-TASK-TEXT" in text for text in texts) == 1
    assert sum("WRONG-TRY-AGAIN" in text for text in texts) == 2
    assert [text for text in texts if text.startswith("try ")] == ["try 1", "try 2"]
    assert len(tool_results(last)) == 3
    assert run.sample.output.completion == "try 3"
    intermediate = [event for event in run.sample.events if event.event == "score" and event.intermediate]
    assert [event.score.value for event in intermediate] == ["I", "I"]


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


@pytest.mark.parametrize("parallel", [2])
def test_parallel_tool_calls(tmp_path: Path, parallel: int) -> None:
    run = run_agent(
        tmp_path,
        claude_code(),
        [turn(*[shell(f"sleep 1; echo {n}") for n in range(parallel)]), say("done")],
    )
    assert run.error is None
    # The CLI hands the results over as they come in; what counts is that each answers its own call.
    commands = {
        call.id: call.arguments["command"]
        for message in run.sample.messages
        if isinstance(message, ChatMessageAssistant)
        for call in message.tool_calls or []
    }
    results = [message for message in run.sample.messages if isinstance(message, ChatMessageTool)]
    answered = {commands[message.tool_call_id or ""]: message.text for message in results}
    assert len(results) == parallel
    assert answered == {"sleep 1; echo 0": "0", "sleep 1; echo 1": "1"}
