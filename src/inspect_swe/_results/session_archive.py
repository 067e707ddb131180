"""CLI sessions that are saved to the log and resumed in later samples."""

from __future__ import annotations

import base64
import json
import logging
import posixpath
import weakref
from dataclasses import asdict, dataclass
from typing import Any

from inspect_ai.event import InfoEvent
from inspect_ai.util import StoreModel, sandbox, span

from .._contract.adapter import Adapter
from .._contract.conversation import ResumePoint
from .._contract.options import AgentOptions
from .._errors import AgentError, SessionMismatchError, SessionRestoreError
from .._inspect.private import sample_identity, sample_metadata
from .._inspect.transcript import record
from .._sandbox.archive import pack, unpack
from .._sandbox.probe import SESSION_PATH
from .._sandbox.workspace import Workspace
from .view import RunView

logger = logging.getLogger(__name__)

MAX_ARCHIVE = 8 << 20
"""Maximum size of an archive in a log, in bytes."""

FROM = "resumed_from"
"""Metadata key for the earlier sample that a sample's session comes from."""

_claimed: weakref.WeakSet[Any] = weakref.WeakSet()
"""Samples whose session has been claimed: the session in their sandbox is no longer the one from the log."""


class SweSession(StoreModel):
    """A CLI's session at the end of a run, in the sample's store. `session_samples()` resumes it.

    Attributes:
        agent: The agent's key: the name of its factory.
        name: The agent's name.
        version: The CLI's version.
        session_id: The CLI's session id.
        cwd: The agent's working directory.
        sandbox: Name of the agent's sandbox; None for the default one.
        system: Text added to the CLI's system prompt.
        archive: The CLI's own files, a gzipped tar in base64. It is untrusted: unpack it only in a sandbox.
        size: Size of the archive in bytes.
        error: The reason that the session could not be saved.
    """

    agent: str = ""
    name: str = ""
    version: str | None = None
    session_id: str = ""
    cwd: str = ""
    sandbox: str | None = None
    system: str | None = None
    archive: str = ""
    size: int = 0
    error: str | None = None


@dataclass(frozen=True)
class SessionManifest:
    """Metadata of a session that comes with a sample. The other fields are those of `SweSession`.

    Args:
        fork: Whether the session resumes under a new id.
    """

    agent: str
    version: str | None
    session_id: str
    cwd: str
    system: str | None
    fork: bool

    def dump(self) -> str:
        """Return the manifest as a line of JSON."""
        return json.dumps(asdict(self))


class SessionCollector:
    """A collector of the CLI's own session."""

    what = "session"

    async def begin(self, view: RunView) -> None:
        """Do nothing: there is no session yet."""

    async def collect(self, view: RunView) -> None:
        """Save the session in its current state."""
        archive = await pack(view.workspace, view.context.config, view.adapter.sessions, MAX_ARCHIVE)
        session = SweSession()
        session.agent, session.version, session.session_id = view.adapter.key, view.version, view.context.session_id
        session.name = view.options.name
        session.cwd, session.sandbox, session.system = view.context.cwd, view.options.sandbox, view.context.system
        session.archive, session.size, session.error = base64.b64encode(archive).decode(), len(archive), None

    def failed(self, reason: str) -> None:
        """Record the reason that the session could not be saved. An earlier saved state stays valid."""
        SweSession().error = reason


def claim_session(
    adapter: Adapter, options: AgentOptions, workspace: Workspace, version: str | None, system: str | None
) -> ResumePoint | None:
    """Return the resume point of the session that came with the sample, or None if there is none or it was claimed.

    Args:
        adapter: The CLI's adapter.
        options: The user's options.
        workspace: The sandbox.
        version: The CLI's version, if known.
        system: Text that a new conversation would add to the CLI's system prompt.

    Raises:
        SessionMismatchError: The session belongs to another agent or working directory, or the agent is in centaur
            mode.
        SessionRestoreError: The session named in the sample's metadata is missing, or its manifest is damaged.
    """
    origin, sample = sample_metadata().get(FROM), sample_identity()
    if origin is None or sample in _claimed:
        return None
    _claimed.add(sample)
    if workspace.probe.session_manifest is None:
        raise SessionRestoreError(
            f"The session that this sample resumes ({origin}) is not in its sandbox.",
            hint="use the samples from session_samples() with their files, and the same sandbox.",
        )
    try:
        manifest = SessionManifest(**json.loads(workspace.probe.session_manifest))
    except (TypeError, ValueError) as ex:
        raise SessionRestoreError(f"The manifest of the session that came with this sample is damaged: {ex}") from ex
    _check(manifest, adapter, options, workspace)
    if None not in (manifest.version, version) and manifest.version != version:
        logger.warning("%s %s resumes a session of version %s.", adapter.label, version, manifest.version)
    if system not in (None, manifest.system):
        logger.warning("The session resumes with its original system prompt; this run's is ignored.")
    return ResumePoint(manifest.system, manifest.session_id, archive=f"{SESSION_PATH}.tgz", fork=manifest.fork)


async def restore_session(adapter: Adapter, options: AgentOptions, workspace: Workspace, start: ResumePoint) -> None:
    """Unpack the files of a session from another sandbox into the private folder of its resume point.

    Raises:
        SessionRestoreError: The files could not be unpacked in the sandbox.
    """
    assert start.archive is not None and start.config is not None
    async with span("restore session", type="agent"):
        try:
            await unpack(workspace, start.archive, start.config, adapter.sessions)
        except AgentError as error:
            raise SessionRestoreError(
                f"The session could not be restored: {error.summary}",
                hint="the sandbox needs tar and gzip.",
                exit_code=error.exit_code,
                stderr=error.stderr,
            ) from error
        data: dict[str, Any] = {"event": "session restored", "agent": adapter.key, "session_id": start.session_id}
        if isinstance(start.archive, str):
            # Runs as the sandbox's default user, who wrote the files; the agent's user may be another one.
            await sandbox(options.sandbox).exec(["rm", "-rf", posixpath.dirname(SESSION_PATH)])
            data |= {"from": sample_metadata().get(FROM), "fork": start.fork}
        record(InfoEvent(data=data, source="inspect_swe"))


def _check(manifest: SessionManifest, adapter: Adapter, options: AgentOptions, workspace: Workspace) -> None:
    if manifest.agent != adapter.key:
        raise SessionMismatchError(
            f"The session that came with this sample is {manifest.agent}'s, not {adapter.key}'s.",
            hint=f"resume it with {manifest.agent}, as the first agent of the sample.",
        )
    if manifest.cwd != workspace.cwd:
        raise SessionMismatchError(
            f"The sample's session was saved in {manifest.cwd}, but the agent's working directory is {workspace.cwd}.",
            hint=f"use the same image, or cwd={manifest.cwd!r}.",
        )
    if options.centaur is not None:
        raise SessionMismatchError("A session that came with the sample cannot be resumed in centaur mode.")
