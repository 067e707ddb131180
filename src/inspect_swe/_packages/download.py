"""Verified downloads of packages: streamed, resumed after a broken connection, deleted if the digest is wrong."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import httpx
from packaging.utils import parse_wheel_filename

from inspect_swe._errors import AgentInstallError, DigestMismatchError, RegistryError

from .http import Abandoned, TransientError, check_status, retried
from .npm.registry import Release, digest_of
from .progress import bar

_THREADS = 8
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Downloads(Protocol):
    """The parts of a registry's configuration that downloads use."""

    def client(self) -> httpx.Client:
        """Return an HTTP client with the configured proxies and certificates."""

    def mask(self, text: str) -> str:
        """Return a text without credentials."""


def download(
    config: Downloads, releases: Sequence[Release], folder: Path, title: str, hint: str, stop: threading.Event
) -> list[Path]:
    """Download the files of releases concurrently, and verify their digests. Stops at the first failure.

    Args:
        config: Provides credentials and proxies.
        releases: The releases, with URLs and digests.
        folder: Target folder of the files.
        title: Title of the progress bar.
        hint: Advice to show if the registry can't be reached.
        stop: Cancels the work when set.

    Returns:
        The paths of the files, in the order of `releases`.

    Raises:
        RegistryError: A file could not be downloaded.
        DigestMismatchError: A release has no digest, or a file doesn't match it.
        AgentInstallError: The disk has not enough space.
        Abandoned: `stop` was set.
    """
    transfers = [_Transfer(release, folder) for release in releases]
    failed = threading.Event()
    with (
        config.client() as client,
        _progress(title, transfers) as update,
        ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect_swe_download") as threads,
    ):

        def one(transfer: _Transfer) -> None:
            if failed.is_set():
                raise Abandoned
            try:
                _fetch(client, config, transfer, hint, update, stop)
            except BaseException:
                failed.set()
                raise

        futures = [threads.submit(one, transfer) for transfer in transfers]
        errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, Abandoned)), errors[0])
    return [transfer.target for transfer in transfers]


@contextlib.contextmanager
def room(folder: Path, needed: int) -> Iterator[None]:
    """Check the free space for a block that writes `needed` bytes into a folder.

    Raises:
        AgentInstallError: The disk has not enough space, before or during the block.
    """
    free = shutil.disk_usage(folder).free
    try:
        if free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise AgentInstallError(
            f"There is not enough space in {folder}: {needed:,} bytes are needed, {free:,} were free.",
            hint="free some space, or set INSPECT_SWE_CACHE_DIR to a folder on another disk.",
        ) from error


class _Transfer:
    """The state of one file's download, which can be resumed.

    Args:
        release: The release to download.
        folder: Target folder of the file.
    """

    def __init__(self, release: Release, folder: Path) -> None:
        self.release = release
        self.expected = digest_of(release)
        self.target = folder / _file_name(release)
        self.size: int | None = None
        self.resumed = False
        self.finished = False
        self.restart()

    def restart(self) -> None:
        """Discard the bytes received so far."""
        self.done = 0
        self._validator: str | None = None
        self._digest = hashlib.new(self.expected.split("-")[0])

    @property
    def actual(self) -> str:
        """The digest of the bytes received so far."""
        return f"{self._digest.name}-" + base64.b64encode(self._digest.digest()).decode()

    def headers(self) -> dict[str, str]:
        """Return request headers for the missing bytes, on condition that the file is unchanged."""
        # A content encoding would change the bytes, and so the digest.
        headers = {"Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        if self.done and self._validator:
            headers["If-Range"] = self._validator
        return headers

    def accept(self, response: httpx.Response) -> None:
        """Prepare for a response with the missing bytes or the whole file.

        Raises:
            TransientError: The server can't resume the download.
            httpx.HTTPError: The response has any other status.
        """
        if response.status_code == 200:
            self.restart()
            self.resumed = False
            length = response.headers.get("Content-Length", "")
            self.size = int(length) if length.isdigit() else None
            etag = response.headers.get("ETag", "")
            # A weak ETag does not guarantee identical bytes.
            self._validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        elif self.done and response.status_code == 206 and self._is_the_rest(response):
            self.resumed = True
        elif self.done and response.status_code in (206, 416):
            self.restart()
            raise TransientError("the server could not resume the download")
        else:
            raise httpx.HTTPError(f"HTTP status {response.status_code} {response.reason_phrase}".rstrip())

    def write(self, pieces: Iterator[bytes], update: Callable[[], None], stop: threading.Event) -> None:
        """Append received bytes to the file."""
        with room(self.target.parent, (self.size or self.done) - self.done):
            with self.target.open("r+b" if self.done else "wb") as file:
                file.seek(self.done)
                for piece in pieces:
                    if stop.is_set():
                        raise Abandoned
                    file.write(piece)
                    self._digest.update(piece)
                    self.done += len(piece)
                    update()

    def _is_the_rest(self, response: httpx.Response) -> bool:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None:
            return False
        start, total = match.groups()
        return int(start) == self.done and (self.size is None or total in ("*", str(self.size)))


def _fetch(
    client: httpx.Client,
    config: Downloads,
    transfer: _Transfer,
    hint: str,
    update: Callable[[], None],
    stop: threading.Event,
) -> None:
    release, url = transfer.release, transfer.release.url
    assert url is not None

    def receive() -> None:
        with client.stream("GET", url, headers=transfer.headers()) as response:
            check_status(response)
            transfer.accept(response)
            transfer.write(response.iter_raw(), update, stop)

    try:
        retried(receive, stop, lambda: transfer.done)
        if transfer.actual != transfer.expected and transfer.resumed:
            # The parts may come from different files: download once more, in one piece.
            transfer.restart()
            retried(receive, stop, lambda: transfer.done)
    except (TransientError, httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise RegistryError(
            config.mask(f"{release.package} {release.version} could not be downloaded from {url}: {reason}."),
            hint=hint,
        ) from error
    if transfer.actual != transfer.expected:
        transfer.target.unlink(missing_ok=True)
        raise DigestMismatchError(
            config.mask(
                f"{url} does not match {release.package} {release.version}: "
                f"its digest is {transfer.actual}, not {transfer.expected}. The file was deleted."
            ),
            hint="try again; if the error persists, the registry or a proxy serves a modified file.",
        )
    transfer.finished = True
    update()


def _file_name(release: Release) -> str:
    if release.file is None:
        return re.sub(r"[^\w.+-]", "-", f"{release.package}-{release.version}.tgz")
    # Raises for invalid names, which could be paths.
    parse_wheel_filename(release.file)
    return release.file


@contextlib.contextmanager
def _progress(title: str, transfers: Sequence[_Transfer]) -> Iterator[Callable[[], None]]:
    """Show a progress bar for all files, and yield the function that updates it."""
    with bar(title) as show:

        def update() -> None:
            sizes = [transfer.size for transfer in transfers]
            files = f" ({sum(one.finished for one in transfers)} of {len(transfers)})" if len(transfers) > 1 else ""
            total = None if None in sizes else sum(size or 0 for size in sizes)
            show(sum(one.done for one in transfers), total, files)

        yield update
