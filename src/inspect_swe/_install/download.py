"""Downloading a package: streamed, hashed on the way, unpacked only if its digest is right."""

from __future__ import annotations

import base64
import contextlib
import errno
import gzip
import hashlib
import os
import shutil
import struct
import sys
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from inspect_swe._errors import AgentInstallError, DigestMismatchError, RegistryError

from .registries import REGISTRY_HINT, Release, TransientError, check_status, digest_of, retried

_PIECE = 1 << 20


class Abandoned(Exception):
    """Nobody waits for the work any more."""


class Downloads(Protocol):
    """What a download needs of a registry's configuration."""

    def client(self) -> httpx.Client:
        """An HTTP client with the configured proxies and certificates."""

    def mask(self, text: str) -> str:
        """A text without credentials."""


def download(config: Downloads, release: Release, target: Path, stop: threading.Event) -> None:
    """Download a release's file and check its digest.

    Args:
        config: Where credentials and proxies come from.
        release: What to download, with URL and digest.
        target: The file to write.
        stop: When set, give up.
    """
    expected = digest_of(release)
    assert release.url is not None
    algorithm, url = expected.split("-")[0], release.url
    try:
        with config.client() as client, _progress(release) as progress:
            actual = retried(lambda: _stream(client, url, target, algorithm, progress, stop), stop.wait)
    except (TransientError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegistryError(
            config.mask(f"{release.package} {release.version} could not be downloaded from {url}: {_reason(error)}."),
            hint=REGISTRY_HINT,
        ) from error
    if actual != expected:
        raise DigestMismatchError(
            config.mask(
                f"{url} is not the {release.package} {release.version} that was asked for: "
                f"its digest is {actual}, not {expected}. Nothing of it was kept."
            ),
            hint="try again; if it stays so, the registry or a proxy on the way serves a changed file.",
        )


def unpack(tarball: Path, folder: Path, stop: threading.Event) -> None:
    """Unpack a verified npm tarball below `folder/package`."""
    try:
        with room(folder, _unpacked_size(tarball)), tarfile.open(tarball, "r:gz") as archive:
            for member in archive:
                target = folder.joinpath(*_place(member))
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    _write_member(archive, member, target, stop)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise AgentInstallError(f"{tarball.name} can't be unpacked: {error}") from error


@contextlib.contextmanager
def room(folder: Path, needed: int) -> Iterator[None]:
    """For writing so many bytes into a folder: a full disk is noticed before, if possible, and named in any case."""
    free = shutil.disk_usage(folder).free
    try:
        if free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise AgentInstallError(
            f"There is not enough space in {folder}: {needed:,} bytes are needed, {free:,} were free.",
            hint="free some, or set INSPECT_SWE_CACHE_DIR to a folder on another disk.",
        ) from error


def _stream(
    client: httpx.Client, url: str, target: Path, algorithm: str, progress: Progress, stop: threading.Event
) -> str:
    digest = hashlib.new(algorithm)
    # A content encoding would change the bytes that the digest is about.
    with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
        check_status(response)
        if response.status_code != 200:
            raise httpx.HTTPError(f"HTTP status {response.status_code} {response.reason_phrase}")
        size = int(response.headers.get("Content-Length", 0))
        progress.reset(progress.task_ids[0], total=size or None)
        with room(target.parent, size), target.open("wb") as file:
            for chunk in response.iter_raw():
                _check_stop(stop)
                digest.update(chunk)
                file.write(chunk)
                progress.advance(progress.task_ids[0], len(chunk))
    return f"{algorithm}-" + base64.b64encode(digest.digest()).decode()


def _place(member: tarfile.TarInfo) -> list[str]:
    """The member's path below `package/`, whatever its top folder is called; npm packages hold plain files only."""
    parts = member.name.split("/")
    if not (member.isfile() or member.isdir()) or member.name.startswith("/") or ".." in parts:
        raise tarfile.TarError(f"it holds {member.name!r}, which no npm package may hold")
    return ["package", *parts[1:]]


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, stop: threading.Event) -> None:
    # tarfile's own safe extraction is missing in Debian 12's Python.
    content = archive.extractfile(member)
    assert content is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while piece := content.read(_PIECE):
            _check_stop(stop)
            file.write(piece)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)


def _unpacked_size(tarball: Path) -> int:
    """What gzip's last four bytes say (modulo 4 GB, which no CLI comes near)."""
    if tarball.stat().st_size < 18:
        raise AgentInstallError(f"{tarball.name} is no gzip file.")
    with tarball.open("rb") as file:
        file.seek(-4, 2)
        return int(struct.unpack("<I", file.read(4))[0])


def _progress(release: Release) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    progress.add_task(f"{release.package} {release.version}", total=None)
    return progress


def _check_stop(stop: threading.Event) -> None:
    if stop.is_set():
        raise Abandoned


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
