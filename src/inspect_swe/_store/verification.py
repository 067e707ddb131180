"""Verification records beside unpacked packages: the verified releases, and the sizes and times of their files."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._packages.npm.registry import Release

NAME = "verified.json"
_MANY = 200


def write(folder: Path, releases: Sequence[Release]) -> None:
    """Record verified releases and their unpacked files, and flush everything to disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(files) > _MANY:
        os.sync()
    else:
        for file in files:
            sync(file)
    note = {
        "releases": [[release.package, release.version, release.integrity, release.file] for release in releases],
        "files": {file.relative_to(folder).as_posix(): _state(file) for file in files},
    }
    (folder / NAME).write_text(json.dumps(note, indent=1), encoding="utf-8")
    sync(folder / NAME)
    sync(folder)


def verified_releases(folder: Path) -> list[Release]:
    """Return a folder's releases if the size and time of every file are unchanged since verification, else none."""
    try:
        note: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        intact = all(_state(folder / name) == state for name, state in note["files"].items())
        releases = [
            Release(package, version, None, integrity, file) for package, version, integrity, file in note["releases"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return releases if intact else []


def mark_used(folder: Path) -> None:
    """Record that a copy is used now, if this user has permission."""
    with contextlib.suppress(OSError):
        os.utime(folder / NAME)


def last_used(folder: Path) -> float:
    """Return the time of a copy's last fetch or use, or 0 if there is no copy."""
    try:
        return (folder / NAME).stat().st_mtime
    except OSError:
        return 0.0


def sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _state(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
