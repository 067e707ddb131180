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
class _Flight:
    landed: anyio.Event = field(default_factory=anyio.Event)
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
        self._flights: RunVar[dict[Hashable, _Flight]] = RunVar(name)

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `work`. Runs it in this task unless another task already does."""
        flights = self._underway()
        while (flight := flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.results:
                return flight.results[0]  # type: ignore[no-any-return]
        flight = flights[key] = _Flight()
        try:
            flight.results.append(await work())
        except Exception as error:
            flight.error = error
            raise
        finally:
            del flights[key]
            flight.landed.set()
        return flight.results[0]  # type: ignore[no-any-return]

    def _underway(self) -> dict[Hashable, _Flight]:
        try:
            return self._flights.get()
        except LookupError:
            flights: dict[Hashable, _Flight] = {}
            self._flights.set(flights)
            return flights
