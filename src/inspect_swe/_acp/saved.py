"""Sessions that outlive the block they were opened in: in the same sandbox, or packed for another one."""

from __future__ import annotations

from dataclasses import dataclass, field

from inspect_ai.util import store

from .._contract.adapter import Site
from .._contract.conversation import ResumePoint
from .._errors import ACPError, AgentError, AgentOptionError
from .._runtime.session import Session
from .._sandbox.archive import pack

_LARGEST = 192 << 20


@dataclass(frozen=True)
class SavedSession:
    """A session as its CLI keeps it, to go on with in another sandbox.

    Args:
        id: The session's id.
        agent: The agent's key.
        system: What was added to the CLI's system prompt.
        archive: The CLI's files, a gzipped tar.
    """

    id: str
    agent: str
    system: str | None
    archive: bytes = field(repr=False)


def keep_folder(session_id: str, site: Site) -> None:
    """Remember, for the life of the sample, where a session's files lie."""
    store().set(_key(session_id), {"config": site.config, "system": site.system})


def folder_of(session_id: str) -> ResumePoint:
    """How a session of this sample goes on.

    Raises:
        AgentOptionError: There was none with that id in this sample.
    """
    kept = store().get(_key(session_id))
    if not kept:
        raise AgentOptionError(
            f"There was no session {session_id!r} in this sample.",
            hint="for a session of another sample, keep what its save() returns, and resume with that.",
        )
    return ResumePoint(kept["system"], session_id, kept["config"])


async def save(place: Session, session_id: str) -> SavedSession:
    """Pack a session's files.

    Raises:
        ACPError: That failed in the sandbox, which needs tar, gzip and base64 for it, or the session is too large.
    """
    try:
        packed = await pack(place.workspace, place.site.config, place.adapter.sessions, _LARGEST)
    except AgentError as error:
        raise ACPError(
            f"The session could not be saved: {error.summary}",
            hint=error.hint,
            exit_code=error.exit_code,
            stderr=error.stderr,
        ) from error
    return SavedSession(session_id, place.adapter.key, place.site.system, packed)


def _key(session_id: str) -> str:
    return f"inspect_swe:acp:{session_id}"
