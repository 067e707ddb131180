"""The effects of pip's configuration on requests: indexes, credentials, certificates and proxies."""

from __future__ import annotations

import configparser
import functools
import ipaddress
import logging
import netrc
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
import platformdirs
from packageurl.contrib.purl2url import get_repo_url

from inspect_swe._folders import home_folder

from ..http import USER_INFO, Network, basic, hide, host_of, hosts, variable, with_scheme

logger = logging.getLogger(__name__)

_SECTIONS = ("global", "download")
_ENV_PREFIX = "PIP_"
_NO = ("", "0", "false", "no", "off")
_MACHINE = Path("/etc")
_FILE_NAME = "pip.ini" if sys.platform == "win32" else "pip.conf"


@dataclass(frozen=True, repr=False)
class PipConfig:
    """The user's pip configuration. `mask` redacts its secrets in every message.

    Args:
        index_urls: URLs of the indexes, `index-url` first, with credentials.
        cert: File with certificates to trust in addition to the system's.
        proxies: Proxies by URL prefix (`http://`, `https://`).
        exempt: Hosts to reach without a proxy.
        trusted_hosts: Hosts that need no TLS and no valid certificate.
        timeout: Timeout in seconds.
        netrc_file: File with users and passwords by host.
    """

    index_urls: tuple[str, ...]
    cert: str | None = None
    proxies: Mapping[str, str] | None = None
    exempt: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    timeout: float | None = None
    netrc_file: Path | None = None

    @classmethod
    def load(
        cls, env: Mapping[str, str] | None = None, home: Path | None = None, prefix: Path | None = None
    ) -> PipConfig:
        """Read the environment and the files that `pip download` would read.

        Args:
            env: The environment (default: this process's).
            home: The user's home folder (default: this user's).
            prefix: Folder of the Python installation or virtual environment (default: `sys.prefix`).
        """
        env = os.environ if env is None else env
        home = home or home_folder()
        settings = _settings(env, home, prefix or Path(sys.prefix))
        main = settings.get("index-url") or default_index()
        urls = [] if settings.get("no-index", "").lower() not in _NO else [main]
        urls += settings.get("extra-index-url", "").split()
        cert = settings.get("cert") or env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
        trusted = tuple(settings.get("trusted-host", "").split())
        return cls(
            index_urls=tuple(_normal(url) for url in urls if _is_usable(url, trusted)),
            cert=os.path.expanduser(cert) if cert else None,
            proxies=_proxies(env, settings.get("proxy")),
            exempt=hosts(variable(env, "NO_PROXY") or ""),
            trusted_hosts=trusted,
            timeout=_seconds(settings.get("timeout") or settings.get("default-timeout")),
            netrc_file=_netrc_file(env, home),
        )

    def __repr__(self) -> str:
        return f"PipConfig(index_urls={self.shown_indexes!r}, ...)"

    @property
    def shown_indexes(self) -> str:
        """The URLs of the indexes, without credentials."""
        return ", ".join(USER_INFO.sub("//", url) for url in self.index_urls) or "(none)"

    def client(self) -> httpx.Client:
        """Return a client with the system's and pip's certificates, pip's proxies, and credentials per request."""
        network = Network(
            "pip",
            cafile=self.cert,
            cafile_hint="correct `cert` in your pip.conf (or PIP_CERT or REQUESTS_CA_BUNDLE in the environment).",
            proxies=self.proxies or {},
            proxies_hint="correct `proxy` in your pip.conf (or PIP_PROXY, HTTP_PROXY and HTTPS_PROXY).",
            exempt=self.exempt,
            unverified=self.trusted_hosts,
            timeout=self.timeout,
            files=any(url.startswith("file:") for url in self.index_urls),
        )
        return network.client(self.headers_for)

    def headers_for(self, url: str) -> dict[str, str]:
        """Return the credentials in a URL, else of an index on the same host, else from netrc, else none."""
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or not _is_secure(parsed, self.trusted_hosts):
            return {}
        for owner in (parsed, *self._indexes_beside(parsed)):
            if owner.userinfo:
                return {"Authorization": basic(owner.username, owner.password)}
        return self._netrc_header(parsed.host)

    def mask(self, text: str) -> str:
        """Redact the user-info of URLs and all configured passwords in a text."""
        urls = (*self.index_urls, *(self.proxies or {}).values())
        return hide(text, (secret for url in urls for secret in _secrets(url)))

    def _indexes_beside(self, url: httpx.URL) -> list[httpx.URL]:
        """Return the indexes on a URL's host, the one that contains the URL first."""
        indexes = [httpx.URL(index) for index in self.index_urls]
        beside = [index for index in indexes if (index.scheme, host_of(index)) == (url.scheme, host_of(url))]
        return sorted(beside, key=lambda index: not url.path.startswith(index.path.rstrip("/") + "/"))

    def _netrc_header(self, host: str) -> dict[str, str]:
        if self.netrc_file is None:
            return {}
        try:
            login = netrc.netrc(str(self.netrc_file)).authenticators(host)
        except (OSError, netrc.NetrcParseError) as error:
            logger.debug("%s can't be read: %s", self.netrc_file, error)
            return {}
        return {"Authorization": basic(login[0], login[2] or "")} if login else {}


@functools.cache
def default_index() -> str:
    """Return the URL of the public Python package index, the default."""
    url = get_repo_url("pkg:pypi/name")  # type: ignore[no-untyped-call]
    return str(url).partition("/project/")[0] + "/simple"


def _settings(env: Mapping[str, str], home: Path, prefix: Path) -> dict[str, str]:
    """Return the settings by name. Precedence: environment, `[download]`, `[global]`; within a section, later files."""
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for file in _files(env, home, prefix):
        for section, values in _read(file).items():
            sections[section].update(values)
    settings = {name: value for section in _SECTIONS for name, value in sections[section].items()}
    settings.update(
        (_setting(name[len(_ENV_PREFIX) :]), value)
        for name, value in env.items()
        if name.startswith(_ENV_PREFIX) and value
    )
    return settings


def _read(file: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
    except configparser.Error as error:
        # Omit the error's text: an invalid line may contain a password.
        logger.warning("Ignoring %s: not a valid pip configuration (%s)", file, type(error).__name__)
        return {}
    return {
        section: {_setting(name): value for name, value in parser.items(section)}
        for section in _SECTIONS
        if parser.has_section(section)
    }


def _files(env: Mapping[str, str], home: Path, prefix: Path) -> Iterator[Path]:
    """Yield the configuration files in order of increasing precedence."""
    chosen = env.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    for folder in _global_folders(env):
        yield folder / _FILE_NAME
    if not (chosen and os.path.exists(chosen)):
        yield home / ("pip" if sys.platform == "win32" else ".pip") / _FILE_NAME
        yield _user_folder(env, home) / _FILE_NAME
    yield prefix / _FILE_NAME
    if chosen:
        yield Path(chosen)


def _global_folders(env: Mapping[str, str]) -> list[Path]:
    if sys.platform in ("win32", "darwin"):
        return [Path(platformdirs.site_config_dir("pip", appauthor=False))]
    folders = [folder for folder in (env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep) if folder]
    return [*(Path(folder) / "pip" for folder in folders), _MACHINE]


def _user_folder(env: Mapping[str, str], home: Path) -> Path:
    if sys.platform == "win32":
        return Path(platformdirs.user_config_dir("pip", appauthor=False, roaming=True))
    if sys.platform == "darwin" and os.path.isdir(native := home / "Library/Application Support/pip"):
        return native
    return Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip"


def _setting(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _proxies(env: Mapping[str, str], proxy: str | None) -> dict[str, str]:
    fallback = variable(env, "ALL_PROXY")
    urls = {
        "http://": proxy or variable(env, "HTTP_PROXY") or fallback,
        "https://": proxy or variable(env, "HTTPS_PROXY") or fallback,
    }
    return {scheme: with_scheme(url) for scheme, url in urls.items() if url}


def _netrc_file(env: Mapping[str, str], home: Path) -> Path | None:
    places = [Path(env["NETRC"])] if env.get("NETRC") else [home / ".netrc", home / "_netrc"]
    return next((place for place in places if os.path.isfile(place)), None)


def _normal(url: str) -> str:
    # httpx treats a URL without a host as relative.
    return re.sub(r"^file:/+", "file://localhost/", url).rstrip("/")


def _is_usable(url: str, trusted: tuple[str, ...]) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        logger.warning("Ignoring an index in pip's configuration: its URL is not valid")
        return False
    if not _is_secure(parsed, trusted):
        logger.warning(
            "Ignoring %s: like pip, this requires a host without TLS to be a trusted-host", USER_INFO.sub("//", url)
        )
        return False
    return True


def _is_secure(url: httpx.URL, trusted: tuple[str, ...]) -> bool:
    """Return whether pip would use a URL: without TLS it must be local or its host trusted."""
    if url.scheme in ("https", "file") or _is_local(url.host):
        return True
    return url.scheme == "http" and (url.host in trusted or host_of(url) in trusted)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _secrets(url: str) -> tuple[str, ...]:
    """Return a URL's password, encoded and decoded. A user without a password is a token."""
    user_info = USER_INFO.search(url)
    if user_info is None:
        return ()
    user, _, password = user_info.group()[2:-1].partition(":")
    secret = password or user
    return secret, unquote(secret)


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
