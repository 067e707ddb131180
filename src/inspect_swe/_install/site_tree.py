"""From wheels to a folder that Python finds packages in: downloaded at once, verified, unpacked; nothing is run."""

from __future__ import annotations

import hashlib
import re
import stat
import sys
import threading
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from packaging.utils import parse_wheel_filename
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from inspect_swe._errors import AgentInstallError, DigestMismatchError, RegistryError

from .download import Abandoned, Downloads, room
from .pypi import INDEX_HINT
from .registries import Release, TransientError, check_status, digest_of, retried
from .resolver import integrity

_PIECE = 1 << 20
_THREADS = 8
_SITE_SCHEMES = ("purelib", "platlib")


def download_wheels(
    config: Downloads, releases: Sequence[Release], folder: Path, title: str, stop: threading.Event
) -> list[Path]:
    """Download wheels into a folder, several at once, and check their digests. The first failure ends it.

    Args:
        config: Where credentials and proxies come from.
        releases: The wheels, with URLs and digests.
        folder: Where the files go.
        title: What to call it all while it goes on.
        stop: When set, give up.
    """
    failed = threading.Event()

    def one(client: httpx.Client, release: Release, progress: Progress) -> Path:
        if failed.is_set():
            raise Abandoned
        try:
            path = _download(client, config, release, folder, stop)
        except BaseException:
            failed.set()
            raise
        progress.advance(progress.task_ids[0])
        return path

    with (
        config.client() as client,
        _progress(title, len(releases)) as progress,
        ThreadPoolExecutor(_THREADS) as threads,
    ):
        futures = [threads.submit(one, client, release, progress) for release in releases]
        errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, Abandoned)), errors[0])
    return [future.result() for future in futures]


def unpack_wheels(wheels: Sequence[Path], folder: Path, stop: threading.Event) -> None:
    """Unpack verified wheels into one folder, for `sys.path`. Scripts, headers and other data are left out.

    Args:
        wheels: The files.
        folder: Where their packages go; it is made if need be.
        stop: When set, give up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as archive:
                _unpack(archive, _data_folder(wheel), folder, stop)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise AgentInstallError(f"{wheel.name} can't be unpacked: {error}") from error


def _unpack(archive: zipfile.ZipFile, data: str, folder: Path, stop: threading.Event) -> None:
    members = [(member, _place(member, data)) for member in archive.infolist() if not member.is_dir()]
    with room(folder, sum(member.file_size for member, _ in members)):
        for member, place in members:
            if stop.is_set():
                raise Abandoned
            if place is not None:
                _write(archive, member, folder.joinpath(*place))


def _place(member: zipfile.ZipInfo, data: str) -> list[str] | None:
    """A member's path below the site folder; None if it doesn't belong there."""
    parts = member.filename.split("/")
    unsafe = not all(parts) or "." in parts or ".." in parts or "\\" in member.filename or ":" in parts[0]
    kind = stat.S_IFMT(member.external_attr >> 16)
    if unsafe or kind not in (0, stat.S_IFREG):
        raise zipfile.BadZipFile(f"it holds {member.filename!r}, which no wheel may hold")
    if _plain(parts[0]) != data:
        return parts
    return parts[2:] if len(parts) > 2 and parts[1] in _SITE_SCHEMES else None


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("wb") as file:
        while piece := source.read(_PIECE):
            file.write(piece)
    target.chmod(0o755 if (member.external_attr >> 16) & 0o111 else 0o644)


def _data_folder(wheel: Path) -> str:
    """The wheel's folder with what isn't simply packages, `name-version.data`, as `_plain` writes it."""
    return _plain("-".join(wheel.name.split("-")[:2]) + ".data")


def _plain(name: str) -> str:
    # Some tools write a name's capitals and dots in one place and not in another.
    return re.sub(r"[-_.]+", "-", name).lower()


def _download(client: httpx.Client, config: Downloads, release: Release, folder: Path, stop: threading.Event) -> Path:
    expected, url = digest_of(release), release.url
    assert url is not None and release.file is not None
    parse_wheel_filename(release.file)
    target = folder / release.file
    try:
        actual = retried(lambda: _stream(client, url, target, stop), stop.wait)
    except (TransientError, httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise RegistryError(
            config.mask(f"{release.file} could not be downloaded from {url}: {reason}."), hint=INDEX_HINT
        ) from error
    if actual != expected:
        target.unlink()
        raise DigestMismatchError(
            config.mask(
                f"{url} is not the {release.package} {release.version} that was asked for: "
                f"its digest is {actual}, not {expected}. Nothing of it was kept."
            ),
            hint="try again; if it stays so, the index or a proxy on the way serves a changed file.",
        )
    return target


def _stream(client: httpx.Client, url: str, target: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    # A content encoding would change the bytes that the digest is about.
    with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
        check_status(response)
        if response.status_code != 200:
            raise httpx.HTTPError(f"HTTP status {response.status_code} {response.reason_phrase}")
        size = int(response.headers.get("Content-Length", 0))
        with room(target.parent, size), target.open("wb") as file:
            for chunk in response.iter_raw():
                if stop.is_set():
                    raise Abandoned
                digest.update(chunk)
                file.write(chunk)
    return integrity(digest.hexdigest())


def _progress(title: str, wheels: int) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    progress.add_task(title, total=wheels)
    return progress
