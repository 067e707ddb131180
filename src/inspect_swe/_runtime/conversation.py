"""The CLI's own conversation: new, or resumed from a checkpoint, an earlier call or an earlier sample."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from inspect_ai.agent import AgentState
from inspect_ai.util import store

from .._contract.adapter import Adapter, LaunchContext
from .._contract.conversation import ResumePoint
from .._contract.options import AgentOptions
from .._results.session_archive import claim_session, restore_session
from .._sandbox.workspace import Workspace
from .checkpoints import Checkpoints


async def prepare_conversation(
    adapter: Adapter,
    options: AgentOptions,
    workspace: Workspace,
    version: str | None,
    start: ResumePoint,
    points: Checkpoints | None,
) -> ResumePoint:
    """Return the starting point of the CLI's conversation, with its session files in the private folder.

    A conversation in a checkpoint takes precedence over the caller's, and that one over a session that came with the
    sample. Without any of them, the conversation is new.

    Args:
        adapter: The CLI's adapter.
        options: The user's options.
        workspace: The sandbox.
        version: The CLI's version, if known.
        start: The conversation that the caller resumes, or a new one.
        points: The checkpoints that the call takes part in.

    Raises:
        SessionMismatchError: The session that came with the sample does not fit the agent.
        SessionRestoreError: The files of a session are missing, damaged or could not be unpacked.
    """
    if start.config is None and start.archive is None:
        start = claim_session(adapter, options, workspace, version, start.system) or start
    if points is not None and points.resumes:
        start = await points.resume_point(workspace)
    elif start.config is None:
        saved = points.folder(workspace.probe) if points is not None else None
        start = replace(start, config=saved or f"{workspace.probe.scratch}/home")
    if start.archive is not None:
        await restore_session(adapter, options, workspace, start)
    return start


@dataclass
class ConversationRecord:
    """A record of an agent's earlier call in the same sample. Ids belong to the sample, never to the factory.

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
        key = ":".join(["inspect_swe", adapter.key, options.name, options.sandbox or "default", options.user or ""])
        saved = store().get(key)
        ids = [message.id for message in state.messages]
        if not saved or saved["last"] not in ids:
            return cls(key)
        return cls(
            key, ids.index(saved["last"]) + 1, ResumePoint(saved["system"], saved["session_id"], saved["config"])
        )

    def save(self, state: AgentState, context: LaunchContext) -> None:
        """Save a successful call to the sample's store."""
        if state.messages:
            session = {"session_id": context.session_id, "config": context.config, "system": context.system}
            store().set(self.key, {"last": state.messages[-1].id, **session})
