"""Inspect's checkpoints: the retry of a sample goes on in the CLI's own session."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from inspect_ai.agent import AgentState
from inspect_ai.util import Checkpointer, checkpointer
from pydantic import BaseModel

from .._contract.conversation import ResumePoint
from .._errors import SessionRestoreError
from .._inspect.private import create_bridge, saves_checkpoints
from .._sandbox.workspace import Workspace

if TYPE_CHECKING:
    from .session import Session

_FOLDER = ".inspect_swe"
"""Below the home directory, which Inspect's checkpoints hold by default: where the CLI's files are then kept."""

GO_ON = "You were interrupted by an error. Continue with what you were doing."


class Point(BaseModel):
    """What a checkpoint holds of an agent, besides what Inspect itself puts into it.

    Attributes:
        session_id: What the CLI names its conversation.
        config: The folder of its files.
        system: What was added to its system prompt.
        attempts: How many attempts were scored.
    """

    session_id: str = ""
    config: str = ""
    system: str | None = None
    attempts: int = 0


class Checkpoints:
    """The checkpoints of an agent call.

    Args:
        inspect: Inspect's part; it does nothing where the eval has no checkpoints, or another agent leads.
    """

    def __init__(self, inspect: Checkpointer) -> None:
        self.inspect = inspect
        self._session: Session | None = None
        self.point = inspect.track("inspect_swe", self._here, Point())

    @property
    def resumes(self) -> bool:
        """Whether the call goes on from a checkpoint."""
        return self.inspect.attempt == "resume"

    @property
    def is_done(self) -> bool:
        """Whether the agent had finished before: the sample is only to be scored."""
        return self.inspect.attempt == "resume_for_scoring"

    def restored(self, state: AgentState) -> AgentState:
        """The conversation as the agent had left it."""
        return create_bridge(state, checkpointer=self.inspect).state

    @property
    def prompt(self) -> str:
        """What the agent is told then."""
        report = self.inspect.restored
        said = report.message if report is not None and not report.transparent else None
        return f"{said}\n\n{GO_ON}" if said else GO_ON

    async def begin(self, workspace: Workspace, start: ResumePoint) -> ResumePoint:
        """How the conversation begins: as it was going to, but where checkpoints hold its files; or from one of them.

        Raises:
            SessionRestoreError: The files of a checkpoint's conversation are not there.
        """
        if not self.resumes:
            probe = workspace.probe
            new = saves_checkpoints(self.inspect) and start.config is None
            return replace(start, config=f"{probe.home}/{_FOLDER}/{probe.token}") if new else start
        if (await workspace.shell('[ -d "$1" ]', self.point.config)).code:
            raise SessionRestoreError(
                f"The checkpoint does not hold the CLI's session: {self.point.config} is not there.",
                hint="add the home directory of the agent's user to `sandbox_paths` of the checkpoint's configuration.",
            )
        return ResumePoint(self.point.system, self.point.session_id, self.point.config)

    def watch(self, session: Session) -> None:
        """From now on checkpoints hold where this session is."""
        session.resumes, session.attempts = self.resumes, self.point.attempts
        self._session = session

    def _here(self) -> Point:
        if (session := self._session) is None:
            return self.point
        site, told = session.site, session.session_id
        return Point(session_id=told, config=site.config, system=site.system, attempts=session.attempts)


@contextlib.asynccontextmanager
async def checkpoints() -> AsyncIterator[Checkpoints]:
    """Take part in the checkpoints of the sample, as its first agent."""
    async with checkpointer() as inspect:
        yield Checkpoints(inspect)
