"""The starting point of the CLI's own conversation."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field


def new_session_id() -> str:
    """Return a new session id, in the format that most CLIs accept."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class ResumePoint:
    """The starting point of the CLI's own conversation.

    Args:
        system: Text to add to the CLI's system prompt.
        session_id: The session id.
        config: The private folder of a conversation to resume; None for a new folder.
        archive: Files of a conversation from another sandbox: an archive, or its path in this sandbox.
        fork: Whether such a conversation resumes under a new id, if the CLI supports that.
    """

    system: str | None = None
    session_id: str = field(default_factory=new_session_id)
    config: str | None = None
    archive: bytes | str | None = None
    fork: bool = False
