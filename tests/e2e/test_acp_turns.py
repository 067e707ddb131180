"""Turns that don't just end: steering, modes, limits, and a sandbox far away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai.solver import TaskState

from inspect_swe.acp import (
    ModeChanged,
    TextChunk,
    TurnEnded,
    interactive_claude_code,
    interactive_codex_cli,
    interactive_gemini_cli,
)
from inspect_swe.testing import ScriptStep, say, shell

from ..fakes import portable_sandbox as portable_sandbox
from .harness import compose_file, mounts
from .test_acp import converse, killed_while, running, until_running


@pytest.mark.parametrize("factory", [interactive_codex_cli, interactive_gemini_cli])
def test_steering(factory: Any, tmp_path: Path) -> None:
    """What is said while a command runs is in the model's next request, in the same turn or in a new one."""
    made = factory()

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            first = session.prompt("Begin.")
            first.begin()
            await until_running("sleep 4")
            steered = await session.steer("STEER-LEFT")
            turn = await steered
            assert turn.text.endswith("left")
            if factory is interactive_codex_cli:
                assert steered is first
            else:
                assert first.result.stop_reason == "cancelled"
                assert not await running("sleep 4")

    run = converse(tmp_path, made, [shell("env sleep 4"), say("left")], talk)
    assert sum("STEER-LEFT" in message.text for message in run.requests[-1].messages) == 1


def test_what_a_dead_agent_leaves_is_ended(tmp_path: Path) -> None:
    """A crash that nobody recovers from: the command that was running is gone when the session is closed."""
    made = interactive_claude_code()

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            await killed_while(session, "Sleep.", "sleep 61")

    run = converse(tmp_path, made, [shell("env sleep 61")], talk, show="ps -eo args")
    assert "sleep 61" not in run.seen


def test_modes_and_events_between_turns(tmp_path: Path) -> None:
    """A mode that is set is told; all events of the session can be listened to."""
    made = interactive_claude_code()
    heard: list[Any] = []

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session, anyio.create_task_group() as group:
            events = session.events()

            async def listen() -> None:
                heard.extend([event async for event in events])

            group.start_soon(listen)
            assert session.modes is not None
            assert "plan" in [mode.id for mode in session.modes.available_modes]
            await session.set_mode("plan")
            await session.prompt("Plan.")
            await session.close()

    converse(tmp_path, made, [say("a plan")], talk)
    assert ModeChanged("plan") in heard
    assert TextChunk("a plan") in heard
    assert any(isinstance(event, TurnEnded) for event in heard)


def test_a_limit_ends_the_session(tmp_path: Path) -> None:
    """A limit met in a turn ends the sample with that limit recorded, and nothing runs on."""
    made = interactive_gemini_cli()

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            await session.prompt("Work.")
            raise AssertionError("the limit has not been met")

    script: list[ScriptStep] = [shell(f"echo {number}") for number in range(20)]
    run = converse(tmp_path, made, script, talk, show="ps -eo args", task={"message_limit": 8})
    assert run.sample.limit is not None
    assert run.sample.limit.type == "message"
    assert "--acp" not in run.seen


def test_a_sandbox_that_only_runs_commands(tmp_path: Path) -> None:
    """Prompts, events and cancels work over the portable transport too."""
    made = interactive_gemini_cli()

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            assert (await session.prompt("First.")).text == "first answer"
            prompt = session.prompt("Sleep.")
            prompt.begin()
            await until_running("sleep 61")
            turn = await session.cancel()
            assert turn is not None
            assert turn.stop_reason == "cancelled"
            assert (await session.prompt("After.")).text == "after answer"

    script: list[ScriptStep] = [say("first answer"), shell("env sleep 61"), say("after answer")]
    place = "strict_test", compose_file(tmp_path, volumes=mounts("gemini_cli", "stable"))
    converse(tmp_path, made, script, talk, sandbox=place)
