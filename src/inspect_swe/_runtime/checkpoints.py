"""Inspect's checkpoints: the retry of a sample resumes the CLI's own session."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from inspect_ai.agent import AgentState
from inspect_ai.util import Checkpointer, checkpointer
from pydantic import BaseModel

from .._contract.conversation import ResumePoint
from .._errors import SessionRestoreError
from .._inspect.private import create_bridge, saves_checkpoints
from .._sandbox.probe import Probe
from .._sandbox.workspace import Workspace

if TYPE_CHECKING:
    from .session import Session

_FOLDER = ".inspect_swe"
"""Folder of the CLI's files below the home directory, which Inspect's checkpoints include by default."""

GO_ON = "You were interrupted by an error. Continue where you left off."


class Point(BaseModel):
    """An agent's data in a checkpoint, besides Inspect's own.

    Attributes:
        session_id: The CLI's session id.
        config: The folder of its files.
        system: Text added to its system prompt.
        attempts: Number of scored attempts.
    """

    session_id: str = ""
    config: str = ""
    system: str | None = None
    attempts: int = 0


class Checkpoints:
    """The checkpoints of an agent call.

    Args:
        inspect: Inspect's checkpointer. It does nothing if the eval has no checkpoints, or if another agent leads.
    """

    def __init__(self, inspect: Checkpointer) -> None:
        self.inspect = inspect
        self._session: Session | None = None
        self.point = inspect.track("inspect_swe", self._current, Point())

    @property
    def resumes(self) -> bool:
        """True if the call resumes from a checkpoint."""
        return self.inspect.attempt == "resume"

    @property
    def is_done(self) -> bool:
        """True if the agent had already finished, so that the sample only needs to be scored."""
        return self.inspect.attempt == "resume_for_scoring"

    def restored(self, state: AgentState) -> AgentState:
        """Return the conversation at the end of the agent's earlier run."""
        return create_bridge(state, checkpointer=self.inspect).state

    @property
    def prompt(self) -> str:
        """The prompt that resumes the agent's work."""
        report = self.inspect.restored
        message = report.message if report is not None and not report.transparent else None
        return f"{message}\n\n{GO_ON}" if message else GO_ON

    def folder(self, probe: Probe) -> str | None:
        """Return a private folder that checkpoints include, or None if the eval saves no checkpoints."""
        return f"{probe.home}/{_FOLDER}/{probe.token}" if saves_checkpoints(self.inspect) else None

    async def resume_point(self, workspace: Workspace) -> ResumePoint:
        """Return the checkpoint's conversation.

        Raises:
            SessionRestoreError: The checkpoint does not hold the session's files.
        """
        if (await workspace.shell('[ -d "$1" ]', self.point.config)).code:
            raise SessionRestoreError(
                f"The checkpoint does not contain the CLI's session: {self.point.config} is missing.",
                hint="add the home directory of the agent's user to `sandbox_paths` of the checkpoint's configuration.",
            )
        return ResumePoint(self.point.system, self.point.session_id, self.point.config)

    def watch(self, session: Session) -> None:
        """Apply the checkpoint to a session, and record the session in later checkpoints."""
        session.resumes, session.attempts = self.resumes, self.point.attempts
        self._session = session

    def _current(self) -> Point:
        if (session := self._session) is None:
            return self.point
        context, session_id = session.context, session.session_id
        return Point(session_id=session_id, config=context.config, system=context.system, attempts=session.attempts)


@contextlib.asynccontextmanager
async def checkpoints() -> AsyncIterator[Checkpoints]:
    """Take part in the sample's checkpoints, as its first agent."""
    async with checkpointer() as inspect:
        yield Checkpoints(inspect)
