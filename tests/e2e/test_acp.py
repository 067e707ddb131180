"""Interactive agents: the real CLIs and their ACP adapters, in real containers without a network."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from inspect_ai.event import InfoEvent, ModelEvent, SpanBeginEvent, ToolEvent
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import MCPServerConfigStdio, Tool, tool
from inspect_ai.util import sandbox

from inspect_swe import ProviderError, output_files
from inspect_swe.acp import (
    ACPAgent,
    ACPSession,
    AgentExitedError,
    Decision,
    PermissionAsked,
    PermissionRequest,
    SavedSession,
    ToolEnded,
    ToolStarted,
    Turn,
    TurnActiveError,
    TurnEnded,
    interactive_claude_code,
    interactive_codex_cli,
    interactive_copilot_cli,
    interactive_gemini_cli,
    interactive_kimi_code,
    interactive_opencode,
)
from inspect_swe.conformance._tools import _SERVER
from inspect_swe.testing import ScriptedRequest, ScriptStep, Step, call, fail, refuse, say, scripted_requests, shell

from .harness import Run, run_agent

AGENTS: dict[str, Callable[..., ACPAgent]] = {
    "claude_code": interactive_claude_code,
    "codex_cli": interactive_codex_cli,
    "copilot_cli": interactive_copilot_cli,
    "gemini_cli": interactive_gemini_cli,
    "kimi_code": interactive_kimi_code,
    "opencode": interactive_opencode,
}
ADDER = MCPServerConfigStdio(name="adder", command="python3", args=["-c", _SERVER, "stdio"])
BIG = "head -c 20971520 /dev/zero | tr '\\0' x"


@pytest.fixture(params=AGENTS)
def key(request: pytest.FixtureRequest) -> str:
    """Each of the agents."""
    return str(request.param)


@tool
def answer() -> Tool:
    async def execute() -> int:
        """Tell the answer."""
        return 42

    return execute


def converse(
    folder: Path, made: ACPAgent, script: list[ScriptStep], talk: Callable[[TaskState], Awaitable[None]], **other: Any
) -> Run:
    """Evaluate one sample in which `talk` drives the agent."""

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            await talk(state)
            return state

        return solve

    run = run_agent(folder, made, script, solver=drive(), **other)
    assert run.error is None, run.error
    return run


async def running(command: str) -> bool:
    """Whether a command runs in the sandbox."""
    return command in (await sandbox().exec(["ps", "-eo", "args"])).stdout.splitlines()


async def until_running(command: str) -> None:
    for _ in range(100):
        if await running(command):
            return
        await anyio.sleep(0.1)
    raise AssertionError(f"{command} did not run")


async def cancel_while(session: ACPSession, prompt: str, command: str) -> tuple[Turn, float]:
    """Cancel a prompt's turn while a command runs; the turn, and the seconds that it took to end."""
    given = session.prompt(prompt)
    given.begin()
    await until_running(command)
    began = time.monotonic()
    turn = await session.cancel()
    assert turn is not None
    return turn, time.monotonic() - began


async def killed_while(session: ACPSession, prompt: str, command: str) -> tuple[AgentExitedError, float]:
    """Kill the agent while a command runs; the error, and the seconds until it came."""
    given = session.prompt(prompt)
    given.begin()
    await until_running(command)
    began = time.monotonic()
    await session._process.process.kill()  # type: ignore[union-attr]
    with pytest.raises(AgentExitedError) as caught:
        await given
    return caught.value, time.monotonic() - began


def test_a_conversation(key: str, tmp_path: Path) -> None:
    """Tools, memory, cancel, a crash with a restart, and the same session opened again."""
    made = AGENTS[key](system_prompt="SYSTEM-MARK", bridged_tools=[answer()], mcp_servers=[ADDER], collect=["*.txt"])
    seen: dict[str, Any] = {}

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            events = [event async for event in session.prompt("Write the FIRST-FILE.")]
            seen["events"] = events
            assert (await sandbox().read_file("/workspace/out.txt")).strip() == "hello"
            assert "npm_config_offline" not in await sandbox().read_file("/workspace/env.txt")
            assert (await session.prompt("And SECOND.")).text == "second answer"
            turn, seen["seconds"] = await cancel_while(session, "Sleep.", "sleep 61")
            assert turn.stop_reason == "cancelled"
            assert not await running("sleep 61")
            seen["after"] = await session.prompt("After the cancel.")
            seen["tools"] = await session.prompt("Use both.")
            seen["exit"], seen["exit seconds"] = await killed_while(session, "Sleep again.", "sleep 62")
            with pytest.raises(AgentExitedError):
                await session.prompt("Is anybody there?")
            await session.restart()
            assert not await running("sleep 62")
            seen["restarted"] = await session.prompt("After the crash.")
        assert state.output.completion == "restarted"
        async with made.session(state, resume=session.id) as session:
            seen["resumed"] = await session.prompt("Once more.")
            seen["id"] = session.id
        assert not [line for line in (await sandbox().exec(["ps", "-eo", "args"])).stdout.split("\n") if "acp" in line]

    script: list[ScriptStep] = [
        shell("echo hello > /workspace/out.txt; env > /workspace/env.txt"),
        say("written"),
        say("second answer"),
        shell("env sleep 61"),
        say("after answer"),
        call("tools/answer"),
        call("adder/add", a=2, b=3),
        say("both used"),
        shell("env sleep 62"),
        say("restarted"),
        say("resumed"),
    ]
    run = converse(tmp_path, made, script, talk)

    started = [event for event in seen["events"] if isinstance(event, ToolStarted)]
    ended = [event for event in seen["events"] if isinstance(event, ToolEnded)]
    assert [event.kind for event in started] == ["execute"]
    assert [(event.id, event.status) for event in ended] == [(started[0].id, "completed")]
    assert isinstance(seen["events"][-1], TurnEnded)
    assert seen["events"][-1].stop_reason == "end_turn"
    assert seen["after"].text == "after answer"
    assert len(seen["tools"].tool_calls) == 2
    assert seen["exit"].exit_code == -9
    # Copilot CLI says first that a call was interrupted.
    assert seen["restarted"].text.endswith("restarted")
    assert seen["resumed"].text == "resumed"
    assert run.info["session_id"] == seen["id"]
    assert max(seen["seconds"], seen["exit seconds"]) < 50, "the turns ended with their commands"

    assert len(run.requests) == len(scripted_requests(run.model)), "the CLI has asked the model for more than turns"
    last = run.requests[-1]
    said = "\n".join(message.text for message in last.messages)
    for each in ("FIRST-FILE", "SECOND", "After the cancel", "Use both", "After the crash", "Once more"):
        assert said.count(each) == 1, each
    assert said.count("SYSTEM-MARK") == 1
    results = [message.text for message in last.messages if message.role == "tool"]
    assert any("42" in text for text in results)
    assert any("sum=5" in text for text in results)
    _check_transcript(run)


def _check_transcript(run: Run) -> None:
    """Each turn has a span of its own, with its model calls in it, and says how it ended; the files are kept."""
    turns = [event.id for event in run.sample.events if isinstance(event, SpanBeginEvent) and event.type == "acp_turn"]
    events = [event for event in run.sample.events if isinstance(event, ModelEvent)]
    called = {event.span_id for event in events if event.model.startswith("scripted/")}
    assert len(turns) == 9
    assert called <= {*turns}
    ran = [event for event in run.sample.events if isinstance(event, ToolEvent)]
    assert ran[0].view and "echo hello > /workspace/out.txt; env > /workspace/env.txt" in ran[0].view.content
    assert all(event.completed and event.span_id is not None for event in ran)
    (killed,) = [event for event in ran if "sleep 62" in str(event.arguments)]
    # Some tell the model, once they are restarted, that the call was interrupted.
    assert killed.error or killed.result
    assert killed.working_time is not None and killed.working_time < 50
    assert {event.span_id for event in ran if event.metadata is None} <= {*turns}
    told = [event.data for event in run.sample.events if isinstance(event, InfoEvent) and event.source == "inspect_swe"]
    reasons = [data["stop_reason"] for data in told if isinstance(data, dict) and data.get("event") == "turn"]
    assert reasons == ["end_turn", "end_turn", "cancelled", "end_turn", "end_turn", "end_turn", "end_turn"]
    kept = output_files(run.sample)
    assert kept.keys() == {"out.txt", "env.txt"} and kept["out.txt"].text == "hello\n"


def test_large_things(key: str, tmp_path: Path) -> None:
    """A prompt of a mebibyte, a tool's output of twenty, and a second prompt too early."""
    made = AGENTS[key]()
    large = "LARGE " + "word " * 200_000 + "END"
    seen: dict[str, Any] = {}

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            first = session.prompt(large)
            first.begin()
            await anyio.lowlevel.checkpoint()
            with pytest.raises(TurnActiveError):
                await session.prompt("Too early.")
            queued = session.prompt("Output.", queue=True)
            seen["queued"] = await queued
            seen["first"] = first.result

    run = converse(tmp_path, made, [say("long"), shell(BIG), say("big")], talk)
    assert seen["first"].text == "long"
    assert seen["queued"].tool_calls[-1].kind == "execute"
    # Gemini CLI hands the whole output to a model that has no room for it, and says so.
    assert seen["queued"].stop_reason == ("max_tokens" if key == "gemini_cli" else "end_turn")
    assert seen["queued"].text == ("" if key == "gemini_cli" else "big")
    assert any(message.text.count("word ") >= 200_000 for message in run.requests[0].messages)


def test_permissions_errors_and_another_sandbox(key: str, tmp_path: Path) -> None:
    """A rejected call doesn't happen, an error is the prompt's, a refusal a turn: the session goes on, elsewhere too.

    What `save()` packs after all that is a session in the next sample.
    """
    asked: list[PermissionRequest] = []
    kept: list[SavedSession] = []
    seen: dict[str, Any] = {}

    async def decide(request: PermissionRequest) -> Decision:
        asked.append(request)
        return "allow_once" if len(asked) == 1 else "reject_once"

    async def save(state: TaskState) -> None:
        made = AGENTS[key](permissions=decide, retry_refusals=0)
        async with made.session(state) as session:
            seen["allowed"] = await session.prompt("Write the one.")
            seen["rejected"] = await session.prompt("Write the other.")
            with pytest.raises(ProviderError) as caught:
                await session.prompt("Fail.")
            seen["error"] = caught.value
            await session.prompt("Refuse.")
            seen["after"] = await session.prompt("Remember the WALRUS.")
            kept.append(await session.save())

    async def go_on(state: TaskState) -> None:
        async with AGENTS[key]().session(state, resume=kept[0]) as session:
            assert session.id == kept[0].id
            assert (await session.prompt("What was it?")).text == "the walrus"

    def touch(name: str) -> ScriptStep:
        # Codex CLI asks where the model says that a command must leave its sandbox.
        escalated = {"sandbox_permissions": "require_escalated", "justification": "It writes."}
        command = f"touch /workspace/{name}"
        return call("exec_command", cmd=command, **escalated) if key == "codex_cli" else shell(command)

    script = [touch("allowed"), say("allowed"), touch("rejected")]

    def then(request: ScriptedRequest) -> Step:
        """By what was asked last, for not all of them ask the model anything after a rejection."""
        said = "\n".join(message.text for message in request.messages if message.role == "user")
        if "WALRUS" in said:
            return say("I do.")
        if "Refuse." in said:
            return refuse("I WILL NOT")
        return fail(400, "BAD-REQUEST") if "Fail." in said else say("rejected")

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    run = converse(tmp_path / "one", AGENTS[key](), [*script, *[then] * 9], save, show="ls /workspace")
    answered = [
        [event.decision for event in seen[which].events if isinstance(event, PermissionAsked)]
        for which in ("allowed", "rejected")
    ]
    assert answered == [["allow_once"], ["reject_once"]]
    assert run.seen.split() == ["allowed"]
    assert "touch /workspace/allowed" in f"{asked[0].title} {asked[0].input}"
    assert seen["allowed"].stop_reason == "end_turn"
    assert seen["error"].status == 400 and "BAD-REQUEST" in str(seen["error"])
    assert seen["after"].text == "I do."

    run = converse(tmp_path / "two", AGENTS[key](), [say("the walrus")], go_on)
    said = "\n".join(message.text for message in run.requests[-1].messages)
    assert said.count("WALRUS") == 1
    assert said.count("I do.") == 1
