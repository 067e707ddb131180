"""Agents prompted from a script, without an eval of one's own: the real CLIs in real containers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai.agent import Agent
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import token_limit

from inspect_swe import (
    AgentError,
    AgentOptionError,
    SessionClosedError,
    SweSession,
    claude_code,
    codex_cli,
    interactive_claude_code,
    open_session,
    open_session_sync,
    opencode,
)
from inspect_swe.acp import TextChunk, ToolEnded, ToolStarted, TurnEnded
from inspect_swe.testing import ScriptStep, fail, finish, scripted, shell

from .harness import compose_file, mounts, run_agent
from .test_best_of import nobody


def place(folder: Path, key: str) -> dict[str, Any]:
    return {
        "sandbox": ("lean_test", compose_file(folder, volumes=mounts(key, "stable"))),
        "log_dir": str(folder / "logs"),
    }


@pytest.mark.parametrize("made", [claude_code, codex_cli, opencode])
def test_a_script_talks_with_an_agent(made: Callable[..., Agent], tmp_path: Path) -> None:
    """Prompts of one conversation, events, commands and files; and a real log at the end, from which it goes on."""
    script: list[ScriptStep] = [finish("Because."), shell("echo fixed > io.py"), finish("I did."), finish("Again.")]
    agent, where = made(collect="**", keep_session=True), place(tmp_path, made.__name__)
    with open_session_sync(agent, model=scripted(script), files={"begun": "data:,x"}, **where) as s:
        first = s.send("Why does test_io fail?")
        assert (first.text, dict(first.files)) == ("Because.", {})
        assert first.usage is not None
        events = list(s.stream("Fix it."))
        assert s.exec(["cat", "io.py", "begun"]).stdout == "fixed\nx"
        assert s.log is None
    started, ended, said, end = events
    assert isinstance(started, ToolStarted) and started.kind == "execute" and "fixed" in str(started.input)
    assert isinstance(ended, ToolEnded) and ended.id == started.id and ended.status == "completed"
    assert isinstance(said, TextChunk) and said.text == "I did."
    assert isinstance(end, TurnEnded)
    assert s.log is not None and s.log.status == "success" and s.log.samples
    sample = s.log.samples[0]
    texts = [message.text for message in sample.messages]
    assert [sum(text in each for each in texts) for text in ("Why does", "Because.", "Fix it.")] == [1, 1, 1]
    with pytest.raises(SessionClosedError):
        s.send("And now?")
    assert sample.store_as(SweSession).archive
    again = scripted([finish("I went on.")])
    with open_session_sync(made(), model=again, resume=sample, **where) as s:
        reply = s.send("Go on.")
        assert reply.text == "I went on."
        assert sum("Because." in message.text for message in reply.messages) == 1
        assert s.exec(["cat", "io.py"]).stdout == "fixed\n"


def test_an_interactive_agent_is_streamed_and_left(tmp_path: Path) -> None:
    """Its events are its own; leaving the loop early cancels the turn, and the session goes on."""

    async def talk() -> None:
        script: list[ScriptStep] = [shell("touch begun; sleep 60"), finish("Second."), finish("Third.")]
        agent = interactive_claude_code(collect="**")
        async with open_session(agent, model=scripted(script), **place(tmp_path, "claude_code")) as session:
            async with contextlib.aclosing(session.stream("FIRST")) as events:
                async for event in events:
                    if isinstance(event, ToolStarted):
                        break
            with anyio.fail_after(120):
                reply = await session.send("SECOND")
            assert reply.text == "Second."
            with pytest.raises(AgentOptionError, match="one at a time"):
                async with open_session(agent, model="mockllm/model"):
                    pass
            assert (await session.send("THIRD")).text == "Third."
        assert session.log is not None and session.log.status == "success"

    anyio.run(talk)


def test_an_error_comes_as_it_is_and_ends_the_session(tmp_path: Path) -> None:
    """Neither a group of exceptions, nor another one: the agent's own; what follows says that it has ended."""
    script: list[ScriptStep] = [fail(400, "provider exploded")] * 9
    with open_session_sync(opencode(), model=scripted(script), **place(tmp_path, "opencode")) as session:
        with pytest.raises(AgentError, match="provider exploded") as caught:
            session.send("Do it.")
        with pytest.raises(SessionClosedError) as closed:
            session.send("And now?")
        assert closed.value.__cause__ is caught.value
    assert session.log is not None and session.log.status == "error"


@contextlib.contextmanager
def refused(match: str, **arguments: Any) -> Iterator[None]:
    with pytest.raises(AgentError, match=match):
        with open_session_sync(nobody(), model="mockllm/model", **arguments):
            raise AssertionError("it was opened")
    yield


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """A sandbox that isn't there, and code that runs in a sample already."""

    @solver
    def inside() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            with pytest.raises(AgentOptionError, match="call the agent directly"):
                async with open_session(nobody(), model="mockllm/model"):
                    pass
            return state

        return solve

    run = run_agent(tmp_path, nobody(), [], solver=inside(), mount=False)
    assert run.error is None, run.error
    with refused("could not be opened", sandbox=("docker", str(tmp_path / "none.yaml")), log_dir=str(tmp_path)):
        pass
    limits = [token_limit(1)]
    place_here = {"sandbox": ("lean_test", compose_file(tmp_path)), "log_dir": str(tmp_path)}
    with open_session_sync(nobody(), model="mockllm/model", limits=limits, **place_here) as session:
        assert session.exec(["echo", "hello"]).stdout == "hello\n"
