"""State that an agent saves between two calls in one sample. Ids belong to the sample, never to the factory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from inspect_ai.agent import AgentState
from inspect_ai.util import store

from .adapter import Adapter, LaunchContext
from .options import AgentOptions


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


@dataclass
class ConversationRecord:
    """A record of an agent's earlier call.

    Args:
        key: Its key in the sample's store.
        seen: Number of messages that the CLI's conversation holds; None if there is no such conversation.
        start: The point from which that conversation resumes.
    """

    key: str
    seen: int | None = None
    start: ResumePoint = field(default_factory=ResumePoint)

    @classmethod
    def recall(cls, adapter: Adapter, options: AgentOptions, state: AgentState) -> ConversationRecord:
        """Return the record of the call that the given conversation continues."""
        parts = ["inspect_swe", adapter.key, options.name, options.sandbox or "default", options.user or ""]
        record = cls(":".join(parts))
        saved = store().get(record.key)
        if saved:
            ids = [message.id for message in state.messages]
            if saved["last"] in ids:
                record.seen = ids.index(saved["last"]) + 1
                record.start = ResumePoint(saved["system"], saved["session_id"], saved["config"])
        return record

    def keep(self, state: AgentState, context: LaunchContext) -> None:
        """Save a successful call to the sample's store."""
        if state.messages:
            saved = {"session_id": context.session_id, "config": context.config, "system": context.system}
            store().set(self.key, {"last": state.messages[-1].id, **saved})
