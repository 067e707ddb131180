"""Extraction of verified npm tarballs and wheels into plain files. No code of a package is run."""

from __future__ import annotations

import contextlib
import gzip
import mmap
import re
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from inspect_swe._errors import AgentInstallError

from .download import room
from .http import Abandoned

_PIECE = 1 << 20
_SITE_SCHEMES = ("purelib", "platlib")
_LENGTH = struct.Struct("<Q")
_Filter = Callable[[Sequence[str]], bool]


def unpack(
    file: Path, folder: Path, stop: threading.Event, keep: tuple[str, ...] = (), drop: tuple[str, ...] = ()
) -> None:
    """Unpack a wheel, or the content of an npm tarball's top folder.

    Args:
        file: A verified package.
        folder: Target folder. It is created if missing.
        stop: Cancels the work when set.
        keep: Prefixes of the paths to unpack; empty means all.
        drop: Suffixes of the paths not to unpack.

    Raises:
        AgentInstallError: The package can't be unpacked, or the disk has not enough space.
        Abandoned: `stop` was set.
    """

    def is_included(parts: Sequence[str]) -> bool:
        path = "/".join(parts)
        return path.startswith(keep or "") and not path.endswith(drop)

    folder.mkdir(parents=True, exist_ok=True)
    try:
        if file.suffix == ".whl":
            _unpack_wheel(file, folder, stop, is_included)
        else:
            _unpack_tarball(file, folder, stop, is_included)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError) as e:
        raise AgentInstallError(f"{file.name} can't be unpacked: {e}") from e


def unpack_inside(executable: Path, name: str, scratch: Path, stop: threading.Event) -> None:
    """Replace an executable with the files of a tarball embedded in it.

    Args:
        executable: An executable of a verified package. It is removed.
        name: Asset name of the tarball in the executable.
        scratch: Folder for the tarball.
        stop: Cancels the work when set.

    Raises:
        AgentInstallError: The executable or the tarball in it doesn't exist.
    """
    # Node.js writes an asset's name and then its content, each preceded by its length.
    header, tarball = _LENGTH.pack(len(name)) + name.encode(), scratch / name
    with contextlib.suppress(FileNotFoundError, ValueError, struct.error):
        with executable.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if (start := content.find(header)) >= 0:
                (size,) = _LENGTH.unpack_from(content, start + len(header))
                file.seek(start + len(header) + _LENGTH.size)
                with tarball.open("wb") as copy:
                    while piece := file.read(min(size - copy.tell(), _PIECE)):
                        copy.write(piece)
    if not tarball.is_file():
        raise AgentInstallError(
            f"{executable.name} is missing or does not contain {name}, unlike in earlier versions.",
            hint='use the version "stable".',
        )
    executable.unlink()
    unpack(tarball, executable.parent, stop)


def _unpack_tarball(tarball: Path, folder: Path, stop: threading.Event, is_included: _Filter) -> None:
    with room(folder, _unpacked_size(tarball)), tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            parts = _path_in_tarball(member)
            if member.isdir() or not is_included(parts):
                continue
            # Debian 12's Python lacks tarfile's extraction filters.
            content = archive.extractfile(member)
            assert content is not None
            _write(content, folder.joinpath(*parts), member.mode, stop)


def _path_in_tarball(member: tarfile.TarInfo) -> list[str]:
    """Return a member's path below the top folder, whose name may vary. Only plain files and folders are valid."""
    parts = member.name.split("/")
    if not (member.isfile() or member.isdir()) or member.name.startswith("/") or ".." in parts:
        raise tarfile.TarError(f"{member.name!r} is not allowed in an npm package")
    return parts[1:]


def _unpacked_size(tarball: Path) -> int:
    """Return the size from gzip's last four bytes (modulo 4 GiB; CLIs are far smaller)."""
    if tarball.stat().st_size < 18:
        raise AgentInstallError(f"{tarball.name} is not a gzip file.")
    with tarball.open("rb") as file:
        file.seek(-4, 2)
        return int(struct.unpack("<I", file.read(4))[0])


def _unpack_wheel(wheel: Path, folder: Path, stop: threading.Event, is_included: _Filter) -> None:
    """Unpack a wheel's files for `sys.path`, without scripts, headers and other data."""
    with zipfile.ZipFile(wheel) as archive:
        data = _data_folder(wheel)
        members = [(member, _path_in_wheel(member, data)) for member in archive.infolist() if not member.is_dir()]
        with room(folder, sum(member.file_size for member, _ in members)):
            for member, parts in members:
                if parts is not None and is_included(parts):
                    with archive.open(member) as content:
                        _write(content, folder.joinpath(*parts), member.external_attr >> 16, stop)


def _path_in_wheel(member: zipfile.ZipInfo, data: str) -> list[str] | None:
    """Return a member's path below the site folder, or None if it doesn't belong there."""
    parts = member.filename.split("/")
    unsafe = not all(parts) or "." in parts or ".." in parts or "\\" in member.filename or ":" in parts[0]
    kind = stat.S_IFMT(member.external_attr >> 16)
    if unsafe or kind not in (0, stat.S_IFREG):
        raise zipfile.BadZipFile(f"{member.filename!r} is not allowed in a wheel")
    if _plain(parts[0]) != data:
        return parts
    return parts[2:] if len(parts) > 2 and parts[1] in _SITE_SCHEMES else None


def _data_folder(wheel: Path) -> str:
    """Return the name of a wheel's data folder, `name-version.data`, normalized by `_plain`."""
    return _plain("-".join(wheel.name.split("-")[:2]) + ".data")


def _plain(name: str) -> str:
    # Some tools spell a name's capitals and dots inconsistently.
    return re.sub(r"[-_.]+", "-", name).lower()


def _write(content: IO[bytes], target: Path, mode: int, stop: threading.Event) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while piece := content.read(_PIECE):
            if stop.is_set():
                raise Abandoned
            file.write(piece)
    target.chmod(0o755 if mode & 0o111 else 0o644)
