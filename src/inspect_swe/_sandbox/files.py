"""Host files to copy into a sandbox."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_PIECE = 1 << 20
_FASTEST, _GZIP = 1, 31


class SourceFile(NamedTuple):
    """A host file to copy.

    Args:
        name: Path relative to the target folder.
        path: Path on the host.
        size: Size in bytes.
        mode: Permission bits: 0o755 if executable, else 0o644.
    """

    name: str
    path: Path
    size: int
    mode: int


def source_files(source: Path) -> list[SourceFile]:
    """Return a file, or all files below a folder. Reads the disk: call it in a thread."""
    base = source if source.is_dir() else source.parent
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    files = []
    for path in paths:
        stat = path.stat()
        mode = 0o755 if stat.st_mode & 0o111 else 0o644
        files.append(SourceFile(path.relative_to(base).as_posix(), path, stat.st_size, mode))
    return files


def tar_stream(source: Path, uid: int, gid: int) -> Iterator[bytes]:
    """Yield a tar stream of a file or of a folder's content, in pieces. Reads the disk.

    Args:
        source: File or folder.
        uid: Owner of the files.
        gid: Group of the files.
    """
    files = source_files(source)
    folders = sorted({parent for file in files for parent in PurePosixPath(file.name).parents if parent.name})
    for folder in folders:
        yield _header(str(folder), 0, 0o755, uid, gid, tarfile.DIRTYPE)
    for file in files:
        yield _header(file.name, file.size, file.mode, uid, gid, tarfile.REGTYPE)
        with file.path.open("rb") as content:
            while piece := content.read(_PIECE):
                yield piece
        yield bytes(-file.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a gzipped stream, in pieces. CPU-bound."""
    packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _header(name: str, size: int, mode: int, uid: int, gid: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uid, info.gid, info.type = size, mode, uid, gid, kind
    return info.tobuf(format=tarfile.PAX_FORMAT)
