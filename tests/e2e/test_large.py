"""Large things, all at once: a system prompt, the conversation handed over, and a tool's result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai.agent import Agent
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.tool import Tool, tool

from inspect_swe import claude_code, codex_cli
from inspect_swe.testing import call, finish, shell

from .harness import run_agent

SYSTEM = "SYSTEM-BEGINS " + "0123456789abcdef" * 19_200 + " SYSTEM-ENDS"
RESULT = 20 << 20


@tool
def archive() -> Tool:
    async def execute(what: str) -> str:
        """Look something up.

        Args:
            what: What to look for.
        """
        return "x" * RESULT

    return execute


def conversation() -> list[ChatMessage]:
    said: list[ChatMessage] = [ChatMessageSystem(content=SYSTEM)]
    for number in range(200):
        said += [
            ChatMessageUser(content=f"QUESTION-{number:03}?"),
            ChatMessageAssistant(content=f"ANSWER-{number:03}."),
        ]
    return [*said, ChatMessageUser(content="THE-LAST-QUESTION")]


@pytest.mark.parametrize("agent", [claude_code, codex_cli])
def test_large_things(tmp_path: Path, agent: Callable[..., Agent]) -> None:
    run = run_agent(
        tmp_path,
        agent(bridged_tools=[archive()]),
        [call("tools/archive", what="all"), shell("echo still here"), finish("Done.")],
        prompt=conversation(),
        evaluation={"max_tool_output": 0},
    )
    assert run.error is None, run.error
    first = "\n".join(message.text for message in run.requests[0].messages)
    assert first.count("SYSTEM-BEGINS") == 1 and SYSTEM in first
    assert all(first.count(f"QUESTION-{n:03}") == first.count(f"ANSWER-{n:03}") == 1 for n in range(200))
    assert first.count("THE-LAST-QUESTION") == 1
    results = [message.text for message in run.sample.messages if message.role == "tool"]
    assert any(word in results[0] for word in ("xxxx", "larger than 16MB")), "what the CLI makes of it"
    assert "still here" in results[1]
    assert run.sample.output.completion.strip() == "Done."
