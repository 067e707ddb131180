"""A prompt is awaited or iterated over; whoever leaves early cancels its turn."""

from __future__ import annotations

import asyncio
import gc

import anyio
import pytest

from inspect_swe._acp.events import events_of
from inspect_swe._acp.prompt import Ended
from inspect_swe.acp import Event, Prompt, TextChunk, ToolStarted, TurnEnded

from .updates import tool_call

pytestmark = pytest.mark.anyio


class Turns:
    """Stands for a session: a turn says "one", waits until it may go on or is stopped, says "two" and ends."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go = asyncio.Event()
        self.stops = 0
        self._error = error

    def prompt(self) -> Prompt:
        return Prompt(["text"], self._run, self._stop)

    async def _run(self, prompt: Prompt) -> Ended:
        prompt.add(TextChunk("one "))
        await asyncio.wait(
            [asyncio.ensure_future(self.go.wait()), asyncio.ensure_future(prompt.stopping.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        if prompt.stopping.is_set():
            return "cancelled", None
        if self._error:
            raise self._error
        prompt.add(TextChunk("two"))
        return "end_turn", {"total_tokens": 3}

    async def _stop(self, prompt: Prompt) -> None:
        self.stops += 1
        prompt.stopping.set()
        await prompt.wait()


async def test_awaited() -> None:
    turns = Turns()
    turns.go.set()
    prompt = turns.prompt()
    turn = await prompt
    assert (turn.text, turn.stop_reason, turn.usage) == ("one two", "end_turn", {"total_tokens": 3})
    assert prompt.result is turn
    assert await prompt is turn


async def test_iterated() -> None:
    turns = Turns()
    turns.go.set()
    events = [event async for event in turns.prompt()]
    assert events == [TextChunk("one "), TextChunk("two"), TurnEnded("end_turn", {"total_tokens": 3})]
    assert turns.stops == 0


async def test_a_loop_that_is_left_cancels() -> None:
    turns = Turns()
    prompt = turns.prompt()
    async for _ in prompt:
        break
    assert prompt.abandoned, "another prompt may follow in the very next line"
    gc.collect()
    with anyio.fail_after(60):
        await prompt.wait()
    assert prompt.result.stop_reason == "cancelled"
    assert turns.stops == 1


@pytest.mark.parametrize("iterated", [True, False])
async def test_a_scope_that_is_cancelled_cancels(iterated: bool) -> None:
    turns = Turns()
    prompt = turns.prompt()
    with anyio.move_on_after(0.05) as scope:
        if iterated:
            async for _ in prompt:
                pass
        else:
            await prompt
    assert scope.cancelled_caught
    assert prompt.result.stop_reason == "cancelled"


async def test_an_error_reaches_both() -> None:
    turns = Turns(RuntimeError("it failed"))
    turns.go.set()
    prompt = turns.prompt()
    with pytest.raises(RuntimeError, match="it failed"):
        async for _ in prompt:
            pass
    with pytest.raises(RuntimeError, match="it failed"):
        _ = prompt.result


async def test_no_result_before_the_end() -> None:
    turns = Turns()
    prompt = turns.prompt()
    with pytest.raises(RuntimeError, match="has not ended"):
        _ = prompt.result
    prompt.begin()
    with pytest.raises(RuntimeError, match="has not ended"):
        _ = prompt.result
    turns.go.set()
    await prompt


async def test_a_repeated_call_counts_once() -> None:
    async def run(prompt: Prompt) -> Ended:
        for title in ("Terminal", "ls"):
            for event in events_of(tool_call(title=title), False):
                prompt.add(event)
        return "end_turn", None

    async def stop(prompt: Prompt) -> None:
        pass

    found: list[Event] = []
    prompt = Prompt([], run, stop)
    found = [event async for event in prompt]
    assert [event.title for event in prompt.result.tool_calls] == ["ls"]
    assert sum(isinstance(event, ToolStarted) for event in found) == 2
