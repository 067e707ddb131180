from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from inspect_swe._contract.output import OutputBuffer
from inspect_swe._runtime.cancellation import AbortScope


async def returns(after: float, cause: BaseException) -> BaseException:
    await asyncio.sleep(after)
    return cause


def run(body: Callable[[AbortScope], Awaitable[Any]], *waits: Callable[[], Awaitable[BaseException]]) -> Any:
    async def main() -> Any:
        result = None
        async with AbortScope() as ending:
            with ending.watching(*waits):
                result = await body(ending)
        return result

    return asyncio.run(asyncio.wait_for(main(), 10))


def test_a_block_that_is_not_ended() -> None:
    async def body(ending: AbortScope) -> str:
        return "result"

    assert run(body, lambda: returns(60, ValueError())) == "result"


def test_a_watcher_ends_the_block() -> None:
    async def body(ending: AbortScope) -> None:
        await asyncio.sleep(60)

    with pytest.raises(KeyError, match="lost"):
        run(body, lambda: returns(60, ValueError()), lambda: returns(0.01, KeyError("lost")))


def test_the_first_cause_wins() -> None:
    async def body(ending: AbortScope) -> None:
        ending.end(KeyError("first"))
        ending.end(ValueError("second"))
        raise RuntimeError("what the block made of it")

    with pytest.raises(KeyError, match="first") as caught:
        run(body)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_the_blocks_own_error_is_in_no_group() -> None:
    async def body(ending: AbortScope) -> None:
        raise ValueError("plain")

    with pytest.raises(ValueError, match="plain"):
        run(body, lambda: returns(60, KeyError()))


def test_a_cancellation_from_outside_stays_one() -> None:
    async def body(ending: AbortScope) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        async def inner() -> None:
            async with AbortScope() as ending:
                with ending.watching(lambda: returns(60, KeyError())):
                    await body(ending)

        task = asyncio.ensure_future(inner())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 10))


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
