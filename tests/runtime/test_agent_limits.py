"""Limits on agents that stand still or repeat themselves: what counts."""

from __future__ import annotations

import time

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    ModelOutput,
)
from inspect_ai.tool import ToolCall
from inspect_ai.util import apply_limits

from inspect_swe import idle_limit, repeat_limit
from inspect_swe._bridge.settings import BridgeStats
from inspect_swe._runtime.limits import idle_limits, repeat_limits


def answer(*commands: str) -> ModelOutput:
    calls = [ToolCall(id=str(n), function="shell", arguments={"command": word}) for n, word in enumerate(commands)]
    message = ChatMessageAssistant(content="so", tool_calls=calls or None)
    return ModelOutput(model="m", choices=[ChatCompletionChoice(message=message)])


def test_the_same_calls_in_a_row_are_counted_for_each_agent() -> None:
    with repeat_limit(3) as limit:
        one, other = (repeat_limits()[0].counter() for _ in range(2))
        for output in (answer("a"), answer("a"), answer("a", "a"), answer("a"), answer("a"), answer(), answer("a")):
            assert one.on_output(output) is None
        assert other.on_output(answer("a")) is None
        assert one.on_output(answer("a")) is None
        exceeded = one.on_output(answer("a"))
        assert exceeded is not None and exceeded.source is limit and (exceeded.value, exceeded.limit) == (3, 3)
        assert limit.usage == 3
    assert repeat_limits() == []


def test_where_only_requests_are_seen_each_answer_counts_once() -> None:
    said: list[ChatMessage] = [ChatMessageUser(content="Do it.")]
    with repeat_limit(2):
        counter = repeat_limits()[0].counter()
        assert counter.on_messages(said) is None
        said += [answer("a").message, ChatMessageTool(content="A", tool_call_id="0")]
        assert counter.on_messages(said) is None
        assert counter.on_messages(said) is None, "the request is sent again"
        said += [answer("a").message, ChatMessageTool(content="A", tool_call_id="0")]
        exceeded = counter.on_messages(said)
    assert exceeded is not None and exceeded.value == 2


def test_a_running_model_call_is_not_idle() -> None:
    stats = BridgeStats()
    stats.touch()
    time.sleep(0.05)
    assert stats.idle() >= 0.05
    stats.running = 1
    assert stats.idle() == 0


def test_limits_reach_what_is_started_in_their_block() -> None:
    async def inside() -> tuple[int, int]:
        found = (0, 0)

        async def task() -> None:
            nonlocal found
            found = (len(idle_limits()), len(repeat_limits()))

        with apply_limits([idle_limit(5), repeat_limit(2), repeat_limit(9)]):
            async with anyio.create_task_group() as group:
                group.start_soon(task)
        return found

    assert anyio.run(inside) == (1, 2)
    assert idle_limits() == []
