"""The way from this machine to a package registry: certificates, proxies, and no secrets in what is shown."""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import url2pathname

import httpx
import truststore

from inspect_swe._errors import RegistryError

_TIMEOUT = httpx.Timeout(connect=15, read=45, write=30, pool=30)
_PIECE = 1 << 16
USER_INFO = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True)
class Network:
    """How requests travel, as one package manager is configured.

    Args:
        manager: Its name, for messages.
        cafile: A file (or folder) with certificates to trust besides the system's.
        cafile_hint: What to correct if they can't be loaded.
        verify: Whether certificates are checked at all.
        proxies: The proxy by the beginning of URLs (`http://`, `https://`).
        proxies_hint: What to correct if one can't be used.
        exempt: Hosts that are reached without a proxy; `*` means all.
        unverified: Hosts whose certificates aren't checked.
        timeout: Seconds to wait for a server.
        files: Whether `file:` URLs may be read.
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

    def client(self, authorize: Callable[[httpx.Request], None]) -> httpx.Client:
        """A client that travels this way.

        Args:
            authorize: Called with every request, also with each one that a redirect leads to.
        """
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
            # A pattern would come before the same host among those whose certificates aren't checked.
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
    """Answers requests for `file:` URLs; a folder stands for its `index.html`."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The file as a response, or status 404."""
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


def variable(env: Mapping[str, str], name: str) -> str | None:
    """An environment variable that is written in capitals or not."""
    return env.get(name) or env.get(name.lower())


def host_of(url: httpx.URL) -> str:
    """A URL's host, with its port unless that is the scheme's own."""
    return url.host if url.port is None else f"{url.host}:{url.port}"


def basic(user: str, password: str) -> str:
    """The `Authorization` header of a user with a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def hide_user_info(text: str) -> str:
    """The text without the user-info of URLs."""
    return USER_INFO.sub("//***@", text)


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the user-info of URLs and without these secrets."""
    text = hide_user_info(text)
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "***")
    return text


def with_scheme(proxy: str) -> str:
    """A proxy's URL; without a scheme it is an HTTP proxy."""
    return proxy if "://" in proxy else f"http://{proxy}"


def hosts(text: str) -> tuple[str, ...]:
    """The hosts of a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _host_pattern(host: str) -> str:
    host = host.lstrip("*").lstrip(".")
    is_name = host.rpartition(".")[2].partition(":")[0].isalpha()
    return f"*{host}" if is_name else host
