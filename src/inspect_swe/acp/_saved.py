"""Sessions that outlive the block they were opened in: in the same sandbox, or packed for another one."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from inspect_ai.util import store

from .._errors import ACPError, AgentOptionError
from .._runtime.adapter import Site
from .._runtime.memory import Start
from .._runtime.session import Session

_LARGEST = 256 << 20

_PACK = """
cd "$1" || exit 1
shift
for each in "$@"; do [ -e "$each" ] && set -- "$@" "$each"; shift; done
[ $# -gt 0 ] || { echo "there is no session yet" >&2; exit 1; }
tar -cf - "$@" | gzip | base64
"""
_UNPACK = """
mkdir -p "$1" && gzip -dc "$2" | tar -xf - -C "$1"
code=$?
rm -f "$2"
exit $code
"""


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


def folder_of(session_id: str) -> Start:
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
    return Start(kept["system"], session_id, kept["config"])


async def pack(place: Session, agent: str, session_id: str, folders: tuple[str, ...]) -> SavedSession:
    """Pack a session's files.

    Raises:
        ACPError: That failed in the sandbox, which needs tar, gzip and base64 for it, or the session is too large.
    """
    done = await place.workspace.shell(_PACK, place.site.config, *folders, most=_LARGEST)
    if done.code != 0 or not 0 < len(done.stdout) < _LARGEST:
        raise ACPError(
            "The session could not be saved.",
            hint=f"the sandbox needs tar, gzip and base64 for that, and it may have {_LARGEST >> 20} MiB.",
            exit_code=done.code,
            stderr=done.stderr,
        )
    return SavedSession(session_id, agent, place.site.system, base64.b64decode(done.stdout))


async def put_back(saved: SavedSession, place: Session) -> None:
    """Unpack a session's files where its CLI looks for them.

    Raises:
        ACPError: That failed in the sandbox.
    """
    archive = f"{place.workspace.probe.scratch}/session.tgz"
    await place.workspace.write(archive, saved.archive, 0o600)
    done = await place.workspace.shell(_UNPACK, place.site.config, archive)
    if done.code != 0:
        raise ACPError("The session could not be put back.", exit_code=done.code, stderr=done.stderr)


def _key(session_id: str) -> str:
    return f"inspect_swe:acp:{session_id}"
