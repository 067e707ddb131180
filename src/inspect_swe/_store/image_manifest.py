"""Markers that describe unpacked CLIs which are mounted into a sandbox or part of its image."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from inspect_swe._errors import AgentInstallError
from inspect_swe._folders import CACHE_VARIABLE
from inspect_swe._sandbox.probe import MARKER

from .._packages.npm.registry import Release
from .store import Artifact, StoredArtifact


@dataclass(frozen=True)
class Marker:
    """The content of a marker file.

    Args:
        digest: The registry's digest of the package.
        member: Path of the executable, relative to the marker's folder.
        size: Size of the executable, in bytes.
    """

    digest: str
    member: str
    size: int


def write_marker(stored: StoredArtifact) -> None:
    """Write the marker of a stored copy, so that the copy can be mounted. Blocks.

    Raises:
        AgentInstallError: The store can't be written to.
    """
    file = stored.path.parent / MARKER
    text = json.dumps(
        _identity(stored.artifact) | {"file": stored.artifact.member, "size": stored.binary.stat().st_size}
    )
    with contextlib.suppress(OSError):
        if file.read_text(encoding="utf-8") == text:
            return
    draft = file.with_name(f"{MARKER}.{uuid4().hex}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise AgentInstallError(
            f"{file} can't be written: {error}.",
            hint=f"set {CACHE_VARIABLE} to a folder that you may write to.",
        ) from error


def read_marker(text: str, artifact: Artifact) -> Marker | None:
    """Return a copy's marker if its agent, version, platform, Python and digests match, else None."""
    try:
        fields: dict[str, Any] = json.loads(text)
        marker = Marker(str(fields["digest"]), str(fields["file"]), int(fields["size"]))
    except (ValueError, KeyError, TypeError):
        return None
    # The digest of a version that isn't pinned is not known in advance.
    known = {k: v for k, v in _identity(artifact).items() if v is not None or k not in ("digest", "parts")}
    same = all(fields.get(name) == value for name, value in known.items())
    return marker if same and marker.member == artifact.member else None


def _identity(artifact: Artifact) -> dict[str, str | None]:
    return {
        "agent": artifact.agent,
        "version": artifact.version,
        "platform": artifact.platform,
        "python": artifact.target.minor if artifact.target else None,
        "package": artifact.release.package,
        "digest": artifact.release.integrity,
        "parts": _digest_of_all(artifact.parts),
    }


def _digest_of_all(parts: Sequence[Release]) -> str | None:
    if not parts:
        return None
    lines = sorted(part.integrity or "" for part in parts)
    return "sha256-" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
