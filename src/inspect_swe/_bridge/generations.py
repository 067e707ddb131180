"""Exactly one generation per request: a client that re-sends a request is attached to the one in flight."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from .intake import ModelFailure
from .recent import Recent

UNCLAIMED = 600.0
"""Seconds for which a reply that nobody received is kept for the client that asks again."""

RECEIVED = 8
"""Received replies that are kept for a client that says it asks again: one that was lost on the way, after all."""

MOST = 256
"""Generations that a sample has in flight at most, and replies that are kept for clients that ask again."""


@dataclass
class Generation:
    """One model call made for a client, and how many of its connections wait for it."""

    key: str
    task: asyncio.Task[dict[str, Any]]
    waiting: int = 0
    delivered: bool = False
    left: float | None = None

    def has_reply(self) -> bool:
        """Whether the model has answered."""
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None

    def stale(self) -> bool:
        """Whether nobody came back for the reply for so long that an equal request is a new one."""
        return self.left is not None and self.task.done() and time.monotonic() - self.left > UNCLAIMED


class Generations:
    """The model calls of one sample that are in flight, or that nobody has received yet."""

    def __init__(self) -> None:
        self._by_key: dict[str, Generation] = {}
        self._received: Recent[str, Generation] = Recent(RECEIVED)
        self._tasks: set[asyncio.Task[dict[str, Any]]] = set()

    def claim(
        self, route: str, body: bytes | bytearray, is_resend: bool, generate: Callable[[], Awaitable[dict[str, Any]]]
    ) -> Generation:
        """Start a generation, or attach to the one that the same client already asked for.

        Two equal requests at the same time are two requests, unless the client says that it re-sends or the
        connection that asked first is gone.

        Args:
            route: Endpoint the request was sent to.
            body: What tells the request from others.
            is_resend: The client says that it sent this before.
            generate: Makes the model call.

        Raises:
            ModelFailure: There are too many generations in flight.
        """
        digest = hashlib.sha256(route.encode() + b"\0")
        digest.update(body)
        key = digest.hexdigest()
        known = self._by_key.get(key)
        if known is not None and not known.delivered and (is_resend or known.waiting == 0) and not known.stale():
            return known
        if is_resend and key in self._received:
            return self._received[key]
        if len(self._tasks) >= MOST:
            raise ModelFailure(429, f"There are {MOST} requests in flight.")
        self._make_room()
        generation = Generation(key, asyncio.ensure_future(generate()))
        self._by_key[key] = generation
        self._received.pop(key, None)
        self._tasks.add(generation.task)
        generation.task.add_done_callback(self._ended)
        return generation

    def _make_room(self) -> None:
        """Forget the oldest replies that nobody came back for."""
        if len(self._by_key) >= MOST:
            left = [key for key, known in self._by_key.items() if known.waiting == 0 and known.task.done()]
            for key in left[: -MOST // 2]:
                del self._by_key[key]

    def _ended(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it is the waiting connection's to report

    def release(self, generation: Generation, delivered: bool) -> None:
        """Note that a connection stopped waiting.

        Args:
            generation: The generation that it waited for.
            delivered: Whether all of the reply was handed to it, and it had not gone away by then.
        """
        generation.waiting -= 1
        generation.delivered = generation.delivered or delivered
        generation.left = time.monotonic()
        if generation.delivered and generation.waiting == 0:
            if self._by_key.get(generation.key) is generation:
                del self._by_key[generation.key]
            if generation.has_reply():
                self._received[generation.key] = generation

    async def aclose(self) -> None:
        """Cancel what is in flight."""
        self._by_key.clear()
        self._received.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            with anyio.move_on_after(5, shield=True):
                await asyncio.wait(tasks)
