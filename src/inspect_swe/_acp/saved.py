"""Sessions that outlive their block: resumed in the same sandbox, or saved for another one."""

from __future__ import annotations

from dataclasses import dataclass, field

from inspect_ai.util import store

from .._contract.adapter import LaunchContext
from .._contract.conversation import ResumePoint
from .._errors import ACPError, AgentError, AgentOptionError
from .._runtime.session import Session
from .._sandbox.archive import pack

_MAX_BYTES = 192 << 20


@dataclass(frozen=True)
class SavedSession:
    """A saved session, to resume in another sandbox.

    Args:
        id: Id of the session.
        agent: Key of the agent.
        system: Text that was added to the CLI's system prompt.
        archive: The CLI's files as a gzipped tar.
    """

    id: str
    agent: str
    system: str | None
    archive: bytes = field(repr=False)


def record_folder(session_id: str, context: LaunchContext) -> None:
    """Record the location of a session's files in the sample's store."""
    store().set(_key(session_id), {"config": context.config, "system": context.system})


def resume_point_of(session_id: str) -> ResumePoint:
    """Return the resume point of a session of this sample.

    Raises:
        AgentOptionError: The sample has no session with that id.
    """
    saved = store().get(_key(session_id))
    if not saved:
        raise AgentOptionError(
            f"This sample has no session {session_id!r}.",
            hint="for a session of another sample, pass the result of its save().",
        )
    return ResumePoint(saved["system"], session_id, saved["config"])


async def save(session: Session, session_id: str) -> SavedSession:
    """Archive a session's files.

    Raises:
        ACPError: The sandbox lacks tar, gzip or base64, the session is too large, or archiving failed.
    """
    try:
        archive = await pack(session.workspace, session.context.config, session.adapter.sessions, _MAX_BYTES)
    except AgentError as error:
        raise ACPError(
            f"The session could not be saved: {error.summary}",
            hint=error.hint,
            exit_code=error.exit_code,
            stderr=error.stderr,
        ) from error
    return SavedSession(session_id, session.adapter.key, session.context.system, archive)


def _key(session_id: str) -> str:
    return f"inspect_swe:acp:{session_id}"
