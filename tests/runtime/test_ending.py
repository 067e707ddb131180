from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from inspect_swe._contract.output import OutputBuffer
from inspect_swe._runtime.cancellation import AbortScope

pytestmark = pytest.mark.anyio


async def returns(after: float, cause: BaseException) -> BaseException:
    await asyncio.sleep(after)
    return cause


async def run(body: Callable[[AbortScope], Awaitable[Any]], *waits: Callable[[], Awaitable[BaseException]]) -> Any:
    result = None
    with anyio.fail_after(10):
        async with AbortScope() as ending:
            with ending.watching(*waits):
                result = await body(ending)
    return result


async def test_a_block_that_is_not_ended() -> None:
    async def body(ending: AbortScope) -> str:
        return "result"

    assert await run(body, lambda: returns(60, ValueError())) == "result"


async def test_a_watcher_ends_the_block() -> None:
    async def body(ending: AbortScope) -> None:
        await asyncio.sleep(60)

    with pytest.raises(KeyError, match="lost"):
        await run(body, lambda: returns(60, ValueError()), lambda: returns(0.01, KeyError("lost")))


async def test_the_first_cause_wins() -> None:
    async def body(ending: AbortScope) -> None:
        ending.end(KeyError("first"))
        ending.end(ValueError("second"))
        raise RuntimeError("what the block made of it")

    with pytest.raises(KeyError, match="first") as caught:
        await run(body)
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_the_blocks_own_error_is_in_no_group() -> None:
    async def body(ending: AbortScope) -> None:
        raise ValueError("plain")

    with pytest.raises(ValueError, match="plain"):
        await run(body, lambda: returns(60, KeyError()))


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def body(ending: AbortScope) -> None:
        await asyncio.sleep(60)

    task = asyncio.ensure_future(run(body, lambda: returns(60, KeyError())))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_output_is_bounded_and_keeps_both_ends() -> None:
    buffer = OutputBuffer(head=4, tail=10)
    for number in range(1000):
        buffer.add(f"{number:03},".encode())
    assert buffer.head == "000,"
    assert buffer.tail == "7,998,999,"
    assert sum(len(chunk) for chunk in buffer._chunks) < 20
    whole = OutputBuffer(head=4, tail=10)
    whole.add(b"x" * 100)
    assert whole.tail == "x" * 10
