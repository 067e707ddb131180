"""Responses truncated by the model's output limit: counted, so that a prompt ends after too many of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from inspect_ai.event import InfoEvent
from inspect_ai.model import ModelOutput, StopReason

from .._inspect.transcript import record

_TRUNCATED: frozenset[StopReason] = frozenset({"max_tokens", "model_length"})

MAX_TRUNCATED = 10
"""Consecutive truncated responses that end a prompt. CLIs with a limit of their own give up after 1 to 13."""


class OutputLimit:
    """A counter of consecutive responses that reached the output limit.

    Most CLIs send another request after a truncated tool call, and some after truncated text. If a model never
    completes a response, they continue until a limit of the eval is reached.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Reset the count for a new prompt."""
        self._count = 0
        self._reason: StopReason | None = None
        self._reached = asyncio.Event()

    def on_output(self, output: ModelOutput) -> None:
        """Count a response of any conversation."""
        # If a response has several calls, only the last one is truncated. The others run, so there is progress.
        is_truncated = truncation_reason(output) is not None and len(output.message.tool_calls or ()) < 2
        self._count = self._count + 1 if is_truncated else 0
        if self._count == MAX_TRUNCATED:
            self._reason = truncation_reason(output)
            self._reached.set()

    @property
    def is_reached(self) -> bool:
        """True if there were too many truncated responses in a row."""
        return self._reached.is_set()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], Awaitable[object]]) -> Iterator[None]:
        """Call a function if there are too many truncated responses while the block runs."""

        async def watch() -> None:
            await self._reached.wait()
            await end()

        watcher = asyncio.ensure_future(watch())
        try:
            yield
        finally:
            watcher.cancel()

    def reason(self, output: ModelOutput) -> StopReason | None:
        """Return the stop reason of a prompt that ended with a truncated response, or None.

        Args:
            output: The last response in the agent's own conversation.
        """
        return self._reason if self.is_reached else truncation_reason(output)

    def record(self, reason: StopReason, message: str) -> None:
        """Record in the transcript that a prompt ended with a truncated response.

        Args:
            reason: The stop reason.
            message: The CLI's own error message, or an empty string.
        """
        data = {"event": "output_limit", "stop_reason": reason, "error": message or None, "stopped": self.is_reached}
        record(InfoEvent(data={**data}, source="inspect_swe"))


def truncation_reason(output: ModelOutput) -> StopReason | None:
    """Return the stop reason of a response that reached a limit, or None for any other response."""
    return output.stop_reason if not output.empty and output.stop_reason in _TRUNCATED else None
