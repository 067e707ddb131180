"""Answers that reach the model's output limit: a result of the run, and not without end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from inspect_ai.event import InfoEvent
from inspect_ai.model import ModelOutput, StopReason

from .._inspect.transcript import record

_CUT: frozenset[StopReason] = frozenset({"max_tokens", "model_length"})

MAX_CUT_ANSWERS = 10
"""Cut answers in a row after which a prompt ends. The CLIs that count themselves give up after 1 to 13."""


class OutputLimit:
    """Counts the answers in a row that reached the output limit.

    Most CLIs ask again after a cut tool call, and some after a cut text. A model that never gets to the end of an
    answer would be asked until a limit of the eval's is met.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count anew: a prompt begins."""
        self._count = 0
        self._reason: StopReason | None = None
        self._reached = asyncio.Event()

    def on_output(self, output: ModelOutput) -> None:
        """Count an answer, of whatever conversation."""
        # Of several calls only the last one is cut: the others run, so that there is progress.
        is_cut = cut_reason(output) is not None and len(output.message.tool_calls or ()) < 2
        self._count = self._count + 1 if is_cut else 0
        if self._count == MAX_CUT_ANSWERS:
            self._reason = cut_reason(output)
            self._reached.set()

    @property
    def is_reached(self) -> bool:
        """Whether there were too many."""
        return self._reached.is_set()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], Awaitable[object]]) -> Iterator[None]:
        """Call a function once there are too many, while the block runs."""

        async def watch() -> None:
            await self._reached.wait()
            await end()

        watcher = asyncio.ensure_future(watch())
        try:
            yield
        finally:
            watcher.cancel()

    def reason(self, output: ModelOutput) -> StopReason | None:
        """Return the stop reason of a prompt that a cut answer ended.

        Args:
            output: The last answer of the agent's own conversation.
        """
        return self._reason if self.is_reached else cut_reason(output)

    def tell(self, reason: StopReason, said: str) -> None:
        """Record in the transcript that a prompt ended with a cut answer.

        Args:
            reason: The stop reason.
            said: The CLI's own error, if it had one.
        """
        data = {"event": "output_limit", "stop_reason": reason, "error": said or None, "stopped": self.is_reached}
        record(InfoEvent(data={**data}, source="inspect_swe"))


def cut_reason(output: ModelOutput) -> StopReason | None:
    """Return the stop reason of an answer that reached a limit; None if it did not."""
    return output.stop_reason if not output.empty and output.stop_reason in _CUT else None
