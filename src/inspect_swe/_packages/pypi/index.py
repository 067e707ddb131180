"""Python package indexes: published wheels, their URLs, digests and requirements."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from typing import IO, Any, TypeVar
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import httpx
from packaging.metadata import RawMetadata, parse_email
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version
from typing_extensions import Self

from inspect_swe._errors import DigestMismatchError, RegistryError
from inspect_swe._folders import temporary_file

from ..http import TransientError, check_status, retried
from .config import PipConfig

logger = logging.getLogger(__name__)

T = TypeVar("T")

INDEX_HINT = (
    "set `index-url` (and `proxy`, `cert` where needed) in your pip.conf or as PIP_INDEX_URL, "
    "or run `inspect-swe download` beforehand where the index can be reached."
)
_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_PIECE = 1 << 16


@dataclass(frozen=True)
class IndexFile:
    """A wheel in an index.

    Args:
        filename: File name, which contains the wheel's tags.
        url: Download URL.
        sha256: Hexadecimal digest, if the index provides one.
        requires_python: Specifier of the supported Python versions.
        core_metadata: Sha256 digest (or "") of the separate metadata file, or None if there is no such file.
        yanked: Whether the author withdrew the wheel.
    """

    filename: str
    url: str
    sha256: str | None = None
    requires_python: str | None = None
    core_metadata: str | None = None
    yanked: bool = False

    @cached_property
    def _parsed(self) -> tuple[str, Version, frozenset[Tag]]:
        name, version, _, tags = parse_wheel_filename(self.filename)
        return name, version, tags

    @property
    def name(self) -> str:
        """The normalized name of the project."""
        return self._parsed[0]

    @property
    def version(self) -> Version:
        """The project's version."""
        return self._parsed[1]

    @property
    def tags(self) -> frozenset[Tag]:
        """The tags of the Pythons and platforms that the wheel runs on."""
        return self._parsed[2]


class PyPIIndex:
    """The indexes of a pip configuration. All methods block: call them in a worker thread.

    Use it as a context manager, which closes its connections. It is thread-safe.

    Args:
        config: The user's pip configuration.
        stop: Stops retries when set.
    """

    def __init__(self, config: PipConfig, stop: threading.Event | None = None) -> None:
        self.config = config
        self._stop = stop or threading.Event()
        self._client = config.client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def files(self, project: str) -> list[IndexFile]:
        """Return the wheels of a project from all indexes, or none if no index has the project.

        Raises:
            RegistryError: An index could not be read, and no other index has the project.
        """
        files: dict[str, IndexFile] = {}
        failure: RegistryError | None = None
        for index in self.config.index_urls:
            try:
                page = self._page(index, canonicalize_name(project))
            except RegistryError as error:
                failure = failure or error
                logger.warning("%s", error.summary)
                continue
            for file in page:
                files.setdefault(file.filename, file)
        if failure is not None and not files:
            raise failure
        return list(files.values())

    def metadata(self, file: IndexFile) -> RawMetadata:
        """Return a wheel's metadata, from the separate metadata file or else from the wheel."""
        content = None if file.core_metadata is None else self._metadata_beside(file)
        if content is None:
            content = self._request(file.filename, lambda: self._metadata_inside(file))
        return parse_email(content)[0]

    def _page(self, index: str, project: str) -> list[IndexFile]:
        url = f"{index}/{quote(project)}/"
        response = self._request(project, lambda: _get(self._client, url, {"Accept": _ACCEPT}))
        if response.status_code in (404, 410):
            return []
        if response.status_code != 200:
            raise self._failure(project, url, f"returned HTTP status {response.status_code}")
        try:
            files = list(_from_page(response))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._failure(project, url, "returned an invalid project page") from error
        # A remote index must not refer to files of this machine.
        return [file for file in files if not file.url.startswith("file:") or index.startswith("file:")]

    def _metadata_beside(self, file: IndexFile) -> bytes | None:
        url = f"{file.url}.metadata"
        response = self._request(f"{file.filename}.metadata", lambda: _get(self._client, url, {}))
        if response.status_code != 200:
            return None
        if file.core_metadata and hashlib.sha256(response.content).hexdigest() != file.core_metadata:
            raise DigestMismatchError(
                self.config.mask(f"{url} does not match the index: its sha256 digest is not {file.core_metadata}."),
                hint="try again; if the error persists, the index or a proxy serves a modified file.",
            )
        return response.content

    def _metadata_inside(self, file: IndexFile) -> bytes:
        """Return the METADATA of a wheel, by range requests if the server supports them, else from the whole file."""
        with _opened(self._client, file.url) as content, zipfile.ZipFile(content) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return wheel.read(name)

    def _request(self, what: str, work: Callable[[], T]) -> T:
        try:
            return retried(work, self._stop)
        except (TransientError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failure(what, None, f"could not be reached ({error or type(error).__name__})") from error
        except (zipfile.BadZipFile, StopIteration) as error:
            raise self._failure(what, None, "served an invalid wheel") from error

    def _failure(self, what: str, url: str | None, reason: str) -> RegistryError:
        place = self.config.shown_indexes if url is None else url
        return RegistryError(
            self.config.mask(f"The Python package index {place} {reason} (requested: {what})."),
            hint=INDEX_HINT,
        )


def _get(client: httpx.Client, url: str, headers: Mapping[str, str]) -> httpx.Response:
    response = client.get(url, headers=headers)
    check_status(response)
    return response


def _from_page(response: httpx.Response) -> Iterator[IndexFile]:
    """Yield the wheels of a project's page. Skips files without a valid wheel name."""
    base = str(response.url)
    is_json = "json" in response.headers.get("Content-Type", "")
    links = _json_links(response) if is_json else _html_links(response)
    for link in links:
        url = urljoin(base, link.pop("url"))
        filename = link.pop("filename") or unquote(urlsplit(url).path.rpartition("/")[2])
        try:
            parse_wheel_filename(filename)
        except InvalidWheelFilename:
            continue
        yield IndexFile(filename, url, **link)


def _json_links(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for entry in json.loads(response.content)["files"]:
        core = entry.get("core-metadata", entry.get("dist-info-metadata"))
        yield {
            "filename": entry["filename"],
            "url": entry["url"],
            "sha256": entry.get("hashes", {}).get("sha256"),
            "requires_python": entry.get("requires-python"),
            "core_metadata": core.get("sha256", "") if isinstance(core, dict) else ("" if core else None),
            "yanked": entry.get("yanked", False) is not False,
        }


def _html_links(response: httpx.Response) -> Iterator[dict[str, Any]]:
    if b"<" not in response.content:
        raise ValueError("no HTML")
    parser = _Links()
    parser.feed(response.text)
    for attributes in parser.links:
        url, fragment = urldefrag(urljoin(parser.base, attributes["href"]))
        core = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
        yield {
            "filename": None,
            "url": url,
            "sha256": _sha256(fragment),
            "requires_python": attributes.get("data-requires-python"),
            "core_metadata": None if core in (None, "false") else _sha256(core) or "",
            "yanked": "data-yanked" in attributes,
        }


def _sha256(text: str) -> str | None:
    """Return the digest from `sha256=...` in a text, or None if there is none."""
    parts = [part.partition("=")[2] for part in text.split("&") if part.startswith("sha256=")]
    return parts[0] if parts else None


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.links: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "base":
            self.base = attributes.get("href", "")
        elif tag == "a" and "href" in attributes:
            self.links.append(attributes)


def _opened(client: httpx.Client, url: str) -> IO[bytes]:
    """Open a remote file for random access."""
    # A content encoding would change byte positions.
    headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
    with client.stream("GET", url, headers=headers) as response:
        check_status(response)
        size = response.headers.get("Content-Range", "").rpartition("/")[2]
        if response.status_code == 206 and size.isdigit():
            return io.BufferedReader(_RemoteFile(client, url, int(size)), _PIECE)
        if response.status_code != 200:
            raise httpx.HTTPError(f"HTTP status {response.status_code} {response.reason_phrase}")
        copy = temporary_file()
        for piece in response.iter_raw():
            copy.write(piece)
        return copy


class _RemoteFile(io.RawIOBase):
    """A file on a server that supports range requests."""

    def __init__(self, client: httpx.Client, url: str, size: int) -> None:
        self._client, self._url, self._size, self._at = client, url, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={self._at}-{end - 1}"}
        response = _get(self._client, self._url, headers)
        if response.status_code != 206 or len(response.content) != end - self._at:
            raise httpx.HTTPError("the server stopped answering range requests")
        buffer[: end - self._at] = response.content
        self._at = end
        return len(response.content)
