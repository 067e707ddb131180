"""Files of this host that go into a sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class SourceFile(NamedTuple):
    """A file to copy.

    Args:
        name: Its path relative to the folder it is copied into.
        path: Where it lies on this host.
        size: Bytes.
        mode: Permission bits: executable or not.
    """

    name: str
    path: Path
    size: int
    mode: int


def source_files(source: Path) -> list[SourceFile]:
    """A file, or all files below a folder. Reads the disk: call it in a thread."""
    base = source if source.is_dir() else source.parent
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    files = []
    for path in paths:
        stat = path.stat()
        mode = 0o755 if stat.st_mode & 0o111 else 0o644
        files.append(SourceFile(path.relative_to(base).as_posix(), path, stat.st_size, mode))
    return files
