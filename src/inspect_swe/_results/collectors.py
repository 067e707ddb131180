"""Collection of a run's results from the sandbox, however the run ends. Its errors never fail the run."""

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

_TIMEOUT = 30


class Collector(Protocol):
    """A collector of one kind of result, which it writes into the sample's store."""

    what: str
    """Name of the results in log messages."""

    async def begin(self, view: RunView) -> None:
        """Inspect the sandbox before the CLI starts."""

    async def collect(self, view: RunView) -> None:
        """Collect the CLI's results through the session's workspace. May be called several times in a run."""

    def failed(self, reason: str) -> None:
        """Record the reason that the collection failed."""


def collectors_of(options: AgentOptions) -> tuple[Collector, ...]:
    """Return the collectors that the options ask for."""
    sessions = (SessionCollector(),) if options.keep_session else ()
    return sessions if options.collect is None else (*sessions, OutputCollector(options.collect, options.name))


async def begin(view: RunView, collectors: Sequence[Collector]) -> tuple[Collector, ...]:
    """Begin collectors before the CLI starts, and return those that did not fail."""
    ready: list[Collector] = []
    for collector in collectors:
        try:
            with anyio.fail_after(_TIMEOUT):
                await collector.begin(view)
            ready.append(collector)
        except Exception as ex:
            _give_up(view, collector, ex)
    return tuple(ready)


async def collect(view: RunView, collectors: Sequence[Collector]) -> None:
    """Run collectors, even if the sample was cancelled. Never raises."""
    for collector in collectors:
        with anyio.CancelScope(shield=True):
            try:
                with anyio.fail_after(_TIMEOUT):
                    async with view.workspace.reachable():
                        await collector.collect(view)
            except Exception as ex:
                _give_up(view, collector, ex)


def _give_up(view: RunView, collector: Collector, error: Exception) -> None:
    reason = f"it took more than {_TIMEOUT} seconds" if isinstance(error, TimeoutError) else str(error)
    logger.warning("The %s of %s could not be saved: %s", collector.what, view.adapter.label, reason)
    collector.failed(reason)
