"""The note beside an unpacked package: what was verified, and how its files looked then."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .registries import Release

_NAME = "verified.json"


def write(folder: Path, release: Release) -> None:
    """Note a verified release and its files, and make all of it safe on disk."""
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        sync(file)
        files[file.relative_to(folder).as_posix()] = _state(file)
    note = {
        "package": release.package,
        "version": release.version,
        "integrity": release.integrity,
        "files": files,
    }
    (folder / _NAME).write_text(json.dumps(note, indent=1), encoding="utf-8")
    sync(folder / _NAME)
    sync(folder)


def verified_release(folder: Path) -> Release | None:
    """The release that a folder holds, if every file looks as it did when it was verified."""
    try:
        note: dict[str, Any] = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        intact = all(_state(folder / name) == state for name, state in note["files"].items())
        return Release(note["package"], note["version"], integrity=note["integrity"]) if intact else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _state(file: Path) -> list[int]:
    found = file.stat()
    return [found.st_size, found.st_mtime_ns]
