"""Cancellation of an agent call by another task: a limit reached in a request, a lost sandbox, a failed tool."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType

import anyio
from anyio.abc import TaskGroup


class AbortScope:
    """A block of code that other tasks can end with an exception.

    A limit raised only inside a request handler would become an error response that the CLI retries, so it has to
    reach the agent's own task. The first exception wins. It leaves the block unwrapped, not in an exception group.
    """

    def __init__(self) -> None:
        self._group: TaskGroup = anyio.create_task_group()
        self._cause: BaseException | None = None

    def end(self, cause: BaseException) -> None:
        """End the block with an exception."""
        if self._cause is None:
            self._cause = cause
            self._group.cancel_scope.cancel()

    @contextlib.contextmanager
    def watching(self, *waits: Callable[[], Awaitable[BaseException]]) -> Iterator[None]:
        """End the whole block with the first exception that one of `waits` returns while this part of it runs."""
        scope = anyio.CancelScope()

        async def watch(wait: Callable[[], Awaitable[BaseException]]) -> None:
            cause = await wait()
            if not scope.cancel_called:
                self.end(cause)

        async def watch_all() -> None:
            if scope.cancel_called:  # The block ended before this task started.
                return
            with scope:
                async with anyio.create_task_group() as group:
                    for wait in waits:
                        group.start_soon(watch, wait)

        self._group.start_soon(watch_all)
        try:
            yield
        finally:
            scope.cancel()

    async def __aenter__(self) -> AbortScope:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        # The task group would wrap an ordinary exception of the block, so it does not receive it.
        ordinary = error if isinstance(error, Exception) else None
        outside = None if ordinary else error
        swallowed = await self._group.__aexit__(type(outside) if outside else None, outside, traceback)
        if self._cause is not None and (swallowed or outside is None):
            raise self._cause from ordinary
        return bool(swallowed)
