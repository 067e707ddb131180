"""What a run leaves behind is taken out of the sandbox, however the run has ended, and never at its cost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import anyio

from .._contract.options import AgentOptions
from .output_files import OutputCollector
from .session_archive import SessionCollector
from .view import RunView

logger = logging.getLogger(__name__)

_MOST_SECONDS = 30


class Collector(Protocol):
    """One kind of thing that a run leaves behind. What it finds goes into the sample's store."""

    what: str
    """Its name for people."""

    async def begin(self, view: RunView) -> None:
        """Look at the sandbox before the CLI starts in it."""

    async def collect(self, view: RunView) -> None:
        """Take what the CLI has left, over the session's workspace. May be called several times in a run."""

    def failed(self, reason: str) -> None:
        """Note why nothing could be taken."""


def collectors_of(options: AgentOptions) -> tuple[Collector, ...]:
    """What the options ask to keep."""
    sessions = (SessionCollector(),) if options.keep_session else ()
    return sessions if options.collect is None else (*sessions, OutputCollector(options.collect, options.name))


async def begin(view: RunView, collectors: Sequence[Collector]) -> tuple[Collector, ...]:
    """Let collectors look at the sandbox before the CLI starts; return those that could."""
    ready: list[Collector] = []
    for collector in collectors:
        try:
            with anyio.fail_after(_MOST_SECONDS):
                await collector.begin(view)
            ready.append(collector)
        except Exception as ex:
            _give_up(view, collector, ex)
    return tuple(ready)


async def collect(view: RunView, collectors: Sequence[Collector]) -> None:
    """Let collectors take what is there, also where the sample has been cancelled; never raises."""
    for collector in collectors:
        with anyio.CancelScope(shield=True):
            try:
                with anyio.fail_after(_MOST_SECONDS):
                    async with view.workspace.reachable():
                        await collector.collect(view)
            except Exception as ex:
                _give_up(view, collector, ex)


def _give_up(view: RunView, collector: Collector, error: Exception) -> None:
    reason = f"it took more than {_MOST_SECONDS} seconds" if isinstance(error, TimeoutError) else str(error)
    logger.warning("The %s of %s could not be kept: %s", collector.what, view.adapter.label, reason)
    collector.failed(reason)
