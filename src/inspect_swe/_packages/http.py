"""HTTP access to package registries: certificates, proxies, retries, and redaction of secrets in messages."""

from __future__ import annotations

import base64
import email.utils
import os
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.request import url2pathname

import httpx
import truststore

from inspect_swe._errors import RegistryError

_TIMEOUT = httpx.Timeout(connect=15, read=45, write=30, pool=30)
_PIECE = 1 << 16
# Longest pause before each retry. The actual pause is 50 to 100 % of it, to spread out many clients.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_WAIT = 60.0
# Retry fewer times if the server never responded: each try may take 15 seconds.
_UNREACHABLE_PAUSES = 2
# New bytes after which the retries are counted from zero.
_STEP = 1 << 20
USER_INFO = re.compile(r"//[^/@\s]+@")

T = TypeVar("T")


@dataclass(frozen=True)
class Network:
    """The network settings of one package manager.

    Args:
        manager: Name of the package manager, for messages.
        cafile: File or folder with certificates to trust in addition to the system's.
        cafile_hint: Advice to show if the certificates can't be loaded.
        verify: Whether to verify certificates.
        proxies: Proxies by URL prefix (`http://`, `https://`).
        proxies_hint: Advice to show if a proxy can't be used.
        exempt: Hosts to reach without a proxy; `*` means all.
        unverified: Hosts whose certificates are not verified.
        timeout: Timeout in seconds; None means the default timeouts.
        files: Whether to allow `file:` URLs.
    """

    manager: str
    cafile: str | None = None
    cafile_hint: str = ""
    verify: bool = True
    proxies: Mapping[str, str] = field(default_factory=dict)
    proxies_hint: str = ""
    exempt: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    timeout: float | None = None
    files: bool = False

    def client(self, credentials: Callable[[str], Mapping[str, str]]) -> httpx.Client:
        """Return an HTTP client with these settings.

        Args:
            credentials: Returns the headers with the credentials for a URL.

        Raises:
            RegistryError: The certificates or a proxy can't be used.
        """

        def authorize(request: httpx.Request) -> None:
            # The hook runs for every redirect, so no host receives the credentials of another one.
            request.headers.pop("Authorization", None)
            request.headers.update(credentials(str(request.url)))

        verify = self._tls()
        return httpx.Client(
            verify=verify,
            mounts=self._mounts(verify),
            trust_env=False,
            timeout=_TIMEOUT if self.timeout is None else httpx.Timeout(self.timeout),
            follow_redirects=True,
            headers={"User-Agent": "inspect_swe"},
            event_hooks={"request": [authorize]},
        )

    def _tls(self) -> ssl.SSLContext | bool:
        if not self.verify:
            return False
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.cafile is None:
            return context
        try:
            if os.path.isdir(self.cafile):
                context.load_verify_locations(capath=self.cafile)
            else:
                context.load_verify_locations(cafile=self.cafile)
        except OSError as error:
            raise RegistryError(
                f"The certificates that {self.manager} is configured with (cafile={self.cafile}) "
                f"could not be loaded: {error}",
                hint=self.cafile_hint,
            ) from error
        return context

    def _mounts(self, verify: ssl.SSLContext | bool) -> dict[str, httpx.BaseTransport | None]:
        mounts: dict[str, httpx.BaseTransport | None] = {}
        proxies = {} if "*" in self.exempt else self.proxies
        for scheme, proxy in proxies.items():
            mounts[scheme] = self._transport(verify, proxy)
        for host in self.exempt if proxies else ():
            # A pattern would take precedence over the same host's entry in `unverified`.
            mounts[f"all://{host if host in self.unverified else _host_pattern(host)}"] = None
        for host in self.unverified:
            mounts[f"https://{host}"] = self._transport(
                False, None if self._is_exempt(host) else proxies.get("https://")
            )
        if self.files:
            mounts["file://"] = _FileTransport()
        return mounts

    def _is_exempt(self, host: str) -> bool:
        bare = [exempt.lstrip("*").lstrip(".") for exempt in self.exempt]
        return any(host == exempt or host.endswith(f".{exempt}") for exempt in bare)

    def _transport(self, verify: ssl.SSLContext | bool, proxy: str | None) -> httpx.BaseTransport:
        try:
            return httpx.HTTPTransport(verify=verify, proxy=proxy, trust_env=False)
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise RegistryError(
                hide_user_info(f"The proxy that {self.manager} is configured with ({proxy}) can't be used: {error}"),
                hint=self.proxies_hint,
            ) from error


class _FileTransport(httpx.BaseTransport):
    """An HTTP transport for `file:` URLs. For a folder it returns `index.html`."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the file as a response, or status 404 if it doesn't exist."""
        path = Path(url2pathname(request.url.raw_path.decode()))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return httpx.Response(404)
        headers = {"Content-Length": str(path.stat().st_size)}
        if path.suffix == ".html":
            headers["Content-Type"] = "text/html"
        return httpx.Response(200, headers=headers, stream=_FileStream(path))


class _FileStream(httpx.SyncByteStream):
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


class Abandoned(Exception):
    """The caller cancelled the operation."""


class TransientError(Exception):
    """An error to retry: the transfer was cut short, or the server is busy or broken.

    Args:
        message: Text of the error.
        wait: Seconds to wait, from the server's `Retry-After`.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def retried(work: Callable[[], T], stop: threading.Event | None = None, done: Callable[[], int] = lambda: 0) -> T:
    """Return the result of work, and retry it after transient errors. Raises the last error.

    Args:
        work: Function that may raise `TransientError` or a connection error.
        stop: Cancels the work when set.
        done: Returns the number of bytes received so far. Enough progress resets the count of failures.

    Raises:
        Abandoned: `stop` was set.
    """
    stop = stop or threading.Event()
    failures, before = 0, done()
    while True:
        if stop.is_set():
            raise Abandoned
        try:
            return work()
        except (TransientError, httpx.TransportError) as error:
            if done() - before >= _STEP:
                failures, before = 0, done()
            never_reached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and done() == 0
            tries = _UNREACHABLE_PAUSES if never_reached else len(_PAUSES)
            if failures >= tries or not _is_worth_it(error):
                raise
            stop.wait(_pause(failures, error))
            failures += 1


def check_status(response: httpx.Response) -> None:
    """Check a response for statuses of a busy or broken server.

    Raises:
        TransientError: The request is worth a retry.
    """
    if response.status_code in (408, 429) or response.status_code >= 500:
        message = f"HTTP status {response.status_code} {response.reason_phrase}".rstrip()
        raise TransientError(message, _seconds(response.headers.get("Retry-After", "")))


def variable(env: Mapping[str, str], name: str) -> str | None:
    """Return an environment variable by its upper-case name, or else its lower-case name."""
    return env.get(name) or env.get(name.lower())


def host_of(url: httpx.URL) -> str:
    """Return a URL's host, with the port unless it is the scheme's default."""
    return url.host if url.port is None else f"{url.host}:{url.port}"


def basic(user: str, password: str) -> str:
    """Return the `Authorization` header for a user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def hide_user_info(text: str) -> str:
    """Redact the user-info of URLs in a text."""
    return USER_INFO.sub("//***@", text)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Redact the user-info of URLs and secrets (longer than three characters) in a text."""
    text = hide_user_info(text)
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "***")
    return text


def with_scheme(proxy: str) -> str:
    """Return a proxy's URL. Adds `http://` if it has no scheme."""
    return proxy if "://" in proxy else f"http://{proxy}"


def hosts(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of hosts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _host_pattern(host: str) -> str:
    host = host.lstrip("*").lstrip(".")
    is_name = host.rpartition(".")[2].partition(":")[0].isalpha()
    return f"*{host}" if is_name else host


def _pause(failures: int, error: Exception) -> float:
    wait = error.wait if isinstance(error, TransientError) else 0.0
    return min(wait, _LONGEST_WAIT) + _PAUSES[failures] * random.uniform(0.5, 1)


def _is_worth_it(error: BaseException | None) -> bool:
    """Return False for configuration errors: a URL that isn't HTTP, or a certificate that isn't trusted."""
    while error is not None:
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | ssl.SSLCertVerificationError):
            return False
        error = error.__cause__ or error.__context__
    return True


def _seconds(retry_after: str) -> float:
    """Return the seconds from a `Retry-After` header (a number or date), or 0 if it is not valid."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
