"""Doing slow work off the event loop, and only once for everyone who waits for it."""

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
    """Run blocking work in a thread; the event it is given is set when nobody wants the result any more."""
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
    """Lets tasks that want the same thing at the same time wait for one of them to get it.

    An error is shared like a result. If the task that works is cancelled, a waiting one takes over.
    """

    def __init__(self, name: str) -> None:
        # Per event loop, as anyio's events are; between loops and processes the store's file locks count.
        self._flights: RunVar[dict[Hashable, _Flight]] = RunVar(name)

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, run by this task unless another one is at it already."""
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
