"""What a run leaves behind is taken out of the sandbox, however the run has ended, and never at its cost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import anyio

from .._contract.options import AgentOptions
from .output_files import OutputHarvest
from .session_archive import SessionHarvest
from .view import RunView

logger = logging.getLogger(__name__)

_MOST_SECONDS = 30


class Harvest(Protocol):
    """One kind of thing that a run leaves behind. What it finds goes into the sample's store."""

    what: str
    """Its name for people."""

    async def begin(self, view: RunView) -> None:
        """Look at the sandbox before the CLI starts in it."""

    async def gather(self, view: RunView) -> None:
        """Take what the CLI has left, over the session's workspace. May be called several times in a run."""

    def failed(self, reason: str) -> None:
        """Note why nothing could be taken."""


def harvests_of(options: AgentOptions) -> tuple[Harvest, ...]:
    """What the options ask to keep."""
    sessions = (SessionHarvest(),) if options.keep_session else ()
    return sessions if options.collect is None else (*sessions, OutputHarvest(options.collect, options.name))


async def begin(view: RunView, harvests: Sequence[Harvest]) -> tuple[Harvest, ...]:
    """Let collectors look at the sandbox before the CLI starts; return those that could."""
    ready: list[Harvest] = []
    for harvest in harvests:
        try:
            with anyio.fail_after(_MOST_SECONDS):
                await harvest.begin(view)
            ready.append(harvest)
        except Exception as ex:
            _give_up(view, harvest, ex)
    return tuple(ready)


async def gather(view: RunView, harvests: Sequence[Harvest]) -> None:
    """Let collectors take what is there, also where the sample has been cancelled; never raises."""
    for harvest in harvests:
        with anyio.CancelScope(shield=True):
            try:
                with anyio.fail_after(_MOST_SECONDS):
                    async with view.workspace.reachable():
                        await harvest.gather(view)
            except Exception as ex:
                _give_up(view, harvest, ex)


def _give_up(view: RunView, harvest: Harvest, error: Exception) -> None:
    reason = f"it took more than {_MOST_SECONDS} seconds" if isinstance(error, TimeoutError) else str(error)
    logger.warning("The %s of %s could not be kept: %s", harvest.what, view.adapter.label, reason)
    harvest.failed(reason)
