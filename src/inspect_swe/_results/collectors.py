"""What a run leaves behind is taken out of the sandbox, however the run has ended, and never at its cost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import anyio

from .kept import SessionHarvest
from .options import AgentOptions
from .outputs import OutputHarvest

if TYPE_CHECKING:
    from .session import Session

logger = logging.getLogger(__name__)

_MOST_SECONDS = 30


class Harvest(Protocol):
    """One kind of thing that a run leaves behind. What it finds goes into the sample's store."""

    what: str
    """Its name for people."""

    async def begin(self, session: Session) -> None:
        """Look at the sandbox before the CLI starts in it."""

    async def gather(self, session: Session) -> None:
        """Take what the CLI has left, over the session's workspace. May be called several times in a run."""

    def failed(self, reason: str) -> None:
        """Note why nothing could be taken."""


def harvests_of(options: AgentOptions) -> tuple[Harvest, ...]:
    """What the options ask to keep."""
    sessions = (SessionHarvest(),) if options.keep_session else ()
    return sessions if options.collect is None else (*sessions, OutputHarvest(options.collect, options.name))


async def begin(session: Session) -> None:
    """Have all harvests look at the sandbox; one that cannot is warned of, and takes no part."""
    for harvest in session.harvests:
        try:
            with anyio.fail_after(_MOST_SECONDS):
                await harvest.begin(session)
        except Exception as ex:
            _give_up(session, harvest, ex)
            session.harvests = tuple(each for each in session.harvests if each is not harvest)


async def gather(session: Session) -> None:
    """Have all harvests take what is there, also where the sample has been cancelled; never raises."""
    for harvest in session.harvests:
        with anyio.CancelScope(shield=True):
            try:
                with anyio.fail_after(_MOST_SECONDS):
                    async with session.workspace.reachable():
                        await harvest.gather(session)
            except Exception as ex:
                _give_up(session, harvest, ex)


def _give_up(session: Session, harvest: Harvest, error: Exception) -> None:
    reason = f"it took more than {_MOST_SECONDS} seconds" if isinstance(error, TimeoutError) else str(error)
    logger.warning("The %s of %s could not be kept: %s", harvest.what, session.adapter.label, reason)
    harvest.failed(reason)
