"""Model calls in flight: exactly one per request, to which a client's retries attach."""

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
"""Seconds to store an undelivered reply for a client's retry."""

RECEIVED = 8
"""Number of delivered replies to store for marked retries: a reply may still be lost on its way."""

MOST = 256
"""Limit on a bridge's generations in flight, and on its undelivered replies."""


@dataclass
class Generation:
    """Model call for a client, and the number of connections that wait for it."""

    key: str
    task: asyncio.Task[dict[str, Any]]
    waiting: int = 0
    delivered: bool = False
    released: float | None = None

    def has_reply(self) -> bool:
        """Return whether the model call succeeded."""
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None

    def stale(self) -> bool:
        """Return whether the reply is too old for a retry, so that an equal request is a new one."""
        return self.released is not None and self.task.done() and time.monotonic() - self.released > UNCLAIMED


class Generations:
    """Model calls of one bridge that are in flight, or whose replies may be requested again."""

    def __init__(self) -> None:
        self._by_key: dict[str, Generation] = {}
        self._received: Recent[str, Generation] = Recent(RECEIVED)
        self._tasks: set[asyncio.Task[dict[str, Any]]] = set()

    def claim(
        self, route: str, body: bytes | bytearray, is_resend: bool, generate: Callable[[], Awaitable[dict[str, Any]]]
    ) -> Generation:
        """Start a generation, or attach a retry to the existing one.

        Two equal requests at the same time are two requests, unless the client marks a retry or the first connection
        is closed.

        Args:
            route: Path of the request's endpoint.
            body: The bytes that identify the request.
            is_resend: Whether the client marks the request as a retry.
            generate: Makes the model call.

        Raises:
            ModelFailure: Too many generations are in flight.
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
        """Drop the oldest undelivered replies."""
        if len(self._by_key) >= MOST:
            replied = [key for key, known in self._by_key.items() if known.waiting == 0 and known.task.done()]
            for key in replied[: -MOST // 2]:
                del self._by_key[key]

    def _ended(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # avoids asyncio's warning: the waiting connection reports the exception

    def release(self, generation: Generation, delivered: bool) -> None:
        """Record that a connection stopped waiting.

        Args:
            generation: The generation that it waited for.
            delivered: Whether the whole reply was sent before the connection closed.
        """
        generation.waiting -= 1
        generation.delivered = generation.delivered or delivered
        generation.released = time.monotonic()
        if generation.delivered and generation.waiting == 0:
            if self._by_key.get(generation.key) is generation:
                del self._by_key[generation.key]
            if generation.has_reply():
                self._received[generation.key] = generation

    async def aclose(self) -> None:
        """Cancel all generations in flight."""
        self._by_key.clear()
        self._received.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            with anyio.move_on_after(5, shield=True):
                await asyncio.wait(tasks)
