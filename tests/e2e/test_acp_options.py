"""What interactive agents are given reaches the real CLI, as it does unattended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from acp import RequestError, text_block
from inspect_ai.agent import AgentState
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, ChatMessageUser, get_model
from inspect_ai.solver import TaskState
from inspect_ai.tool import Skill, ToolCall
from inspect_ai.util import sandbox

from inspect_swe import ACPError, AgentExitedError, AgentPolicyError, CodexAutoReview
from inspect_swe.acp import (
    ACPAgent,
    interactive_claude_code,
    interactive_codex_cli,
    interactive_copilot_cli,
    interactive_gemini_cli,
    interactive_kimi_code,
    interactive_opencode,
)
from inspect_swe.testing import ScriptStep, say, scripted, scripted_requests, shell

from .harness import Run
from .test_acp import converse
from .test_codex_cli import ALLOW, ESCALATE, USER_NAMESPACES

MAGIC = Skill(name="magic", description="Knows the word PLUGH.", instructions="The word is XYZZY.")
COMMON: dict[str, Any] = {"skills": [MAGIC], "env": {"MINE": "m-m"}, "cwd": "sub", "user": "agent"}
# Each agent with options of its own, and the tools that these take away.
CASES: list[tuple[Callable[..., ACPAgent], dict[str, Any], set[str]]] = [
    (interactive_claude_code, {"disallowed_tools": ["WebFetch", "NotebookEdit"]}, {"WebFetch", "NotebookEdit"}),
    (
        interactive_codex_cli,
        {
            "web_search": "disabled",
            "goals": False,
            "home_dir": "/tmp/codex",
            "config_overrides": {"hide_agent_reasoning": "true"},
        },
        {"web_search", "get_goal", "create_goal"},
    ),
    (interactive_copilot_cli, {"copilot_model": "gpt-5.4", "wire": "anthropic", "debug": True}, {"create"}),
    (interactive_gemini_cli, {"web_search": False, "debug": True}, {"google_web_search"}),
    (interactive_kimi_code, {"disallowed_tools": ["FetchURL"]}, {"FetchURL"}),
    (interactive_opencode, {"opencode_model": "openai/gpt-5"}, set()),
]


@pytest.mark.parametrize(("factory", "own", "gone"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_options(factory: Callable[..., ACPAgent], own: dict[str, Any], gone: set[str], tmp_path: Path) -> None:
    """Skills, environment, folder, user and the options of each agent."""
    made = factory(**COMMON, **own)
    seen: dict[str, str] = {}

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            await session.prompt("Look around.")
        look = "ls -d /tmp/codex/sessions /home/agent/gemini-debug.log 2>/dev/null"
        seen["files"] = (await sandbox().exec(["sh", "-c", look])).stdout

    script: list[ScriptStep] = [shell("echo $MINE; pwd; id -un"), say("done")]
    run = converse(tmp_path, made, script, talk, files={"/workspace/sub/file.txt": "x"})
    told = "\n".join(message.text for message in run.requests[-1].messages if message.role == "tool")
    for each in ("m-m", "/workspace/sub", "agent"):
        assert each in told
    assert not gone & {tool.name for tool in run.requests[0].tools}
    # Where a CLI lists its skills differs: in a message, or in a tool's description.
    first = run.requests[0]
    listed = [message.text for message in first.messages] + [str(tool.description) for tool in first.tools]
    assert any("PLUGH" in text for text in listed)
    if factory is interactive_codex_cli:
        assert "/tmp/codex/sessions" in seen["files"]
    if factory is interactive_gemini_cli:
        assert "/home/agent/gemini-debug.log" in seen["files"]


def test_models_as_objects(tmp_path: Path) -> None:
    """The model that was given as an object answers, and not the eval's."""
    own = scripted([say("from the object")])
    made = interactive_claude_code(model=own, haiku_model=get_model("mockllm/model"))
    answers: list[str] = []

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            answers.append((await session.prompt("Who are you?")).text)

    run: Run = converse(tmp_path, made, [say("from the eval")], talk)
    assert answers == ["from the object"]
    assert len(scripted_requests(own)) == 1
    assert scripted_requests(run.model) == []


@pytest.mark.parametrize("factory", [interactive_claude_code, interactive_codex_cli, interactive_gemini_cli])
def test_a_failing_call_of_the_connection_raises_our_error(factory: Callable[..., ACPAgent], tmp_path: Path) -> None:
    """The session accepts another prompt afterwards, and a call after the process was killed fails in the same way."""
    made = factory()
    met: list[ACPError] = []

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            with pytest.raises(ACPError) as refused:
                await session.conn.prompt(session_id="no-such-session", prompt=[text_block("Hello?")])
            assert (await session.prompt("Go on.")).text == "here"
            await session._process.process.kill()  # type: ignore[union-attr]
            with anyio.fail_after(60), pytest.raises(AgentExitedError) as lost:
                await session.conn.prompt(session_id=session.id, prompt=[text_block("Hello?")])
            met.extend([refused.value, lost.value])

    converse(tmp_path, made, [say("here")], talk)
    refused, lost = met
    assert isinstance(refused.__cause__, RequestError) and isinstance(lost.__cause__, ConnectionError)
    assert all("prompt() of an interactive agent failed" in str(error) for error in met)


def test_codex_reviews_what_leaves_its_own_sandbox(tmp_path: Path) -> None:
    reviewer = scripted([say(ALLOW)], name="reviewer")
    review = CodexAutoReview(policy="THE-POLICY", model="scripted/unused")
    made = interactive_codex_cli(auto_review=review, model_map={"codex-auto-review": reviewer})
    seen: list[str] = []

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            assert (await session.prompt("Do it.")).text == "done"
        seen.append((await sandbox().exec(["sh", "-c", "cat inside /outside; ls /nowhere"])).stdout)

    script: list[ScriptStep] = [shell("echo in > inside; touch /nowhere"), ESCALATE, say("done")]
    converse(tmp_path, made, script, talk, **USER_NAMESPACES)
    assert seen == ["in\nout\n"]
    (request,) = scripted_requests(reviewer)
    assert any("THE-POLICY" in message.text for message in request.messages)


HELD: list[ChatMessage] = [
    ChatMessageUser(content="Remember the WALRUS."),
    ChatMessageAssistant(content="I look.", tool_calls=[ToolCall(id="call-1", function="Bash", arguments={"x": "y"})]),
    ChatMessageTool(content="THE-RESULT", tool_call_id="call-1", function="Bash"),
    ChatMessageAssistant(content="I remember."),
]


@pytest.mark.parametrize("factory", [interactive_claude_code, interactive_codex_cli])
def test_a_session_begins_with_messages(factory: Callable[..., ACPAgent], tmp_path: Path) -> None:
    """A conversation held elsewhere stands in the first request, once and in its order; each session has it."""
    made = factory(resume_messages=HELD, system_prompt="SYSTEM-MARKER")

    async def talk(state: TaskState) -> None:
        for _ in range(2):
            async with made.session(AgentState(messages=[])) as session:
                assert (await session.prompt("GO-ON")).text == "the walrus"

    run = converse(tmp_path, made, [say("the walrus")] * 2, talk)
    for request in run.requests:
        said = "\n".join(_words(message) for message in request.messages)
        marks = ["Remember the WALRUS.", "I look.", "call-1", "THE-RESULT", "I remember.", "GO-ON"]
        places = [said.find(mark) for mark in marks]
        assert -1 not in places and places == sorted(places), said[-3000:]
        assert all(said.count(mark) == 1 for mark in marks if mark != "call-1") and said.count("SYSTEM-MARKER") == 1


def _words(message: ChatMessage) -> str:
    calls = (isinstance(message, ChatMessageAssistant) and message.tool_calls) or []
    return "\n".join([message.text, *(call.id for call in calls)])


NO_BYPASS = '{"permissions": {"disableBypassPermissionsMode": "disable"}}'
FORBIDDEN: list[tuple[Any, str, str]] = [
    (interactive_claude_code, "/etc/claude-code/managed-settings.json", NO_BYPASS),
    (interactive_codex_cli, "/etc/codex/requirements.toml", 'allowed_approval_policies = ["on-request"]'),
    (interactive_gemini_cli, "/etc/gemini-cli/settings.json", '{"security": {"disableYoloMode": true}}'),
    (interactive_opencode, "/etc/opencode/opencode.json", '{"permission": "deny"}'),
]


@pytest.mark.parametrize(("factory", "path", "setting"), FORBIDDEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_forbidden_mode_names_the_file(factory: Any, path: str, setting: str, tmp_path: Path) -> None:
    made = factory()
    met: list[AgentPolicyError] = []

    async def talk(state: TaskState) -> None:
        try:
            async with made.session(state) as session:
                await session.prompt("Do it.")
        except AgentPolicyError as error:
            met.append(error)

    setup = f"#!/bin/sh\nmkdir -p $(dirname {path}) && printf %s '{setting}' > {path}\n"
    converse(tmp_path, made, [lambda request: say("Done.")], talk, setup=setup)
    (error,) = met
    assert error.files == (path,)
    assert path in error.summary
