"""Slow work in threads, shared by all tasks that wait for the same result."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")


async def in_worker(work: Callable[[threading.Event], T]) -> T:
    """Run blocking work in a thread. Sets the event passed to `work` when the caller is cancelled or done."""
    stop = threading.Event()
    try:
        return await anyio.to_thread.run_sync(work, stop, abandon_on_cancel=True)
    finally:
        stop.set()


@dataclass
class _Call:
    finished: anyio.Event = field(default_factory=anyio.Event)
    results: list[Any] = field(default_factory=list)
    error: Exception | None = None


class SingleFlight(Generic[T]):
    """Deduplication of concurrent work: one task does the work, and others with the same key wait for its result.

    Errors are shared like results. If the working task is cancelled, a waiting task takes over.

    Args:
        name: Unique name of the per-event-loop state.
    """

    def __init__(self, name: str) -> None:
        # Per event loop, like anyio's events; the store's file locks work across loops and processes.
        self._calls: RunVar[dict[Hashable, _Call]] = RunVar(name)

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `work`. Runs it in this task unless another task already does."""
        calls = self._active_calls()
        while (call := calls.get(key)) is not None:
            await call.finished.wait()
            if call.error is not None:
                raise call.error
            if call.results:
                return call.results[0]  # type: ignore[no-any-return]
        call = calls[key] = _Call()
        try:
            call.results.append(await work())
        except Exception as error:
            call.error = error
            raise
        finally:
            del calls[key]
            call.finished.set()
        return call.results[0]  # type: ignore[no-any-return]

    def _active_calls(self) -> dict[Hashable, _Call]:
        try:
            return self._calls.get()
        except LookupError:
            self._calls.set({})
            return self._calls.get()
