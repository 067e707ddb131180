"""What an agent keeps between two calls in one sample: ids belong to the sample, never to the factory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from inspect_ai.agent import AgentState
from inspect_ai.util import store

from .adapter import Adapter, Site
from .options import AgentOptions


def new_session_id() -> str:
    """A name for a conversation, as most CLIs take it."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class ResumePoint:
    """How the CLI's own conversation begins.

    Args:
        system: Text to add to the CLI's system prompt.
        session_id: Names the conversation.
        config: The private folder of a conversation that goes on; None means a new one.
        archive: Files of a conversation that goes on from another sandbox: packed, or where they lie in this one.
        fork: Whether it then goes on under a new id, if the CLI can do that.
    """

    system: str | None = None
    session_id: str = field(default_factory=new_session_id)
    config: str | None = None
    archive: bytes | str | None = None
    fork: bool = False


@dataclass
class ConversationRecord:
    """What is known of an agent's earlier call.

    Args:
        key: Where it is kept in the sample's store.
        seen: How many of the messages the CLI's conversation holds; None if there is no such conversation.
        start: How that conversation goes on.
    """

    key: str
    seen: int | None = None
    start: ResumePoint = field(default_factory=ResumePoint)

    @classmethod
    def recall(cls, adapter: Adapter, options: AgentOptions, state: AgentState) -> ConversationRecord:
        """What is known of the call that left the conversation as it is."""
        parts = ["inspect_swe", adapter.key, options.name, options.sandbox or "default", options.user or ""]
        memory = cls(":".join(parts))
        kept = store().get(memory.key)
        if kept:
            ids = [message.id for message in state.messages]
            if kept["last"] in ids:
                memory.seen = ids.index(kept["last"]) + 1
                memory.start = ResumePoint(kept["system"], kept["session_id"], kept["config"])
        return memory

    def keep(self, state: AgentState, site: Site) -> None:
        """Remember a call that has ended well."""
        if state.messages:
            kept = {"session_id": site.session_id, "config": site.config, "system": site.system}
            store().set(self.key, {"last": state.messages[-1].id, **kept})
