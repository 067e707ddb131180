"""Prompts and their turns."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any

import anyio

from .events import Event, StopReason, TextChunk, ToolStarted, Turn, TurnEnded

_MAX_EVENTS = 20_000
"""The maximum number of events stored of a turn."""

Ended = tuple[StopReason, Mapping[str, int] | None]


class Prompt:
    """A prompt of a session: `await` it for its `Turn`, or iterate over its events with `async for`.

    Either one sends the prompt. Leaving the loop early (`break`, an exception, a cancelled scope) or cancelling the
    `await` cancels the turn.

    Args:
        content: ACP's content blocks.
        run: Sends the prompt, and returns the stop reason and usage.
        stop: Cancels the turn, and waits for its end.
    """

    def __init__(
        self,
        content: Sequence[Any],
        run: Callable[[Prompt], Awaitable[Ended]],
        stop: Callable[[Prompt], Awaitable[None]],
    ) -> None:
        self.content = list(content)
        self.began = time.monotonic()
        self.abandoned = False
        self.stopping = asyncio.Event()
        self._run = run
        self._stop = stop
        self._task: asyncio.Task[Turn] | None = None
        self._events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        self._text: list[str] = []
        self._calls: dict[str, ToolStarted] = {}
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._iterated = False

    @property
    def result(self) -> Turn:
        """The turn, after it has ended.

        Raises:
            RuntimeError: The turn has not ended yet.
        """
        if self._task is None or not self._task.done():
            raise RuntimeError("The turn has not ended yet: await the prompt, or iterate over it to its end.")
        return self._task.result()

    @property
    def ended(self) -> bool:
        """Whether the turn has ended."""
        return self._task is not None and self._task.done()

    def __await__(self) -> Generator[Any, None, Turn]:
        return self._awaited().__await__()

    def __aiter__(self) -> AsyncIterator[Event]:
        self._iterated = True
        return _Loop(self, self._iterate())

    def begin(self) -> asyncio.Task[Turn]:
        """Send the prompt unless it was sent before."""
        if self._task is None:
            self.began = time.monotonic()
            self._task = asyncio.create_task(self._drive())
            # Retrieve the error, or asyncio warns if nothing awaits the task.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._task

    def add(self, event: Event) -> None:
        """Add an event of the turn."""
        self._events.append(event)
        if isinstance(event, TextChunk):
            self._text.append(event.text)
        elif isinstance(event, ToolStarted):
            self._calls[event.id] = event
        if self._iterated:
            self._waiting.put_nowait(event)

    async def wait(self) -> None:
        """Wait until the turn has ended, successfully or not."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def abandon(self) -> None:
        """End the turn on our side, whatever the agent does."""
        if self._task is not None:
            self._task.cancel()

    async def _awaited(self) -> Turn:
        task = self.begin()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await self._leave()
            raise

    async def _iterate(self) -> AsyncIterator[Event]:
        task = self.begin()
        try:
            while (event := await self._waiting.get()) is not None:
                yield event
            await asyncio.shield(task)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        if self._task is not None and not self._task.done():
            self.abandoned = True
            with anyio.CancelScope(shield=True):
                await self._stop(self)

    async def _drive(self) -> Turn:
        try:
            stop_reason, usage = await self._run(self)
            self.add(TurnEnded(stop_reason, usage))
            return Turn("".join(self._text), tuple(self._calls.values()), stop_reason, usage, tuple(self._events))
        finally:
            self._waiting.put_nowait(None)


class _Loop(AsyncIterator[Event]):
    """A loop over a prompt's events. Leaving it early marks the prompt as abandoned, so the next one can start at once.

    Args:
        prompt: Prompt.
        events: Events of the prompt; closing the iterator cancels the turn.
    """

    def __init__(self, prompt: Prompt, events: AsyncIterator[Event]) -> None:
        self._prompt = prompt
        self._events = events

    async def __anext__(self) -> Event:
        return await self._events.__anext__()

    def __del__(self) -> None:
        if not self._prompt.ended:
            self._prompt.abandoned = True
