"""Exactly one generation per request: a client that re-sends a request is attached to the one in flight."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Generation:
    """One model call made for a client, and how many of its connections wait for it."""

    task: asyncio.Task[dict[str, Any]]
    waiting: int = 0
    delivered: bool = False
    started: float = field(default_factory=lambda: asyncio.get_running_loop().time())


class Generations:
    """The model calls of one sample that are in flight, or that nobody has received yet."""

    def __init__(self) -> None:
        self._by_key: dict[str, Generation] = {}
        self.count = 0

    def claim(
        self, route: str, body: bytes, is_resend: bool, generate: Callable[[], Awaitable[dict[str, Any]]]
    ) -> Generation:
        """Start a generation, or attach to the one that the same client already asked for.

        Two equal requests at the same time are two requests, unless the client says that it re-sends or the
        connection that asked first is gone.

        Args:
            route: Endpoint the request was sent to.
            body: The request, byte for byte.
            is_resend: The client says that it sent this before.
            generate: Makes the model call.
        """
        key = hashlib.sha256(route.encode() + b"\0" + body).hexdigest()
        known = self._by_key.get(key)
        if known is not None and not known.delivered and (is_resend or known.waiting == 0):
            return known
        self.count += 1
        generation = Generation(asyncio.ensure_future(generate()))
        self._by_key[key] = generation
        generation.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return generation

    def release(self, generation: Generation, delivered: bool) -> None:
        """A connection stopped waiting: it received the reply, or it went away."""
        generation.waiting -= 1
        generation.delivered = generation.delivered or delivered
        if generation.delivered and generation.waiting == 0:
            self._by_key = {key: kept for key, kept in self._by_key.items() if kept is not generation}

    async def aclose(self) -> None:
        """Cancel what is in flight."""
        tasks = [generation.task for generation in self._by_key.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._by_key.clear()
