"""The effects of npm's configuration on requests: registry, credentials, certificates and proxies."""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
from packageurl.contrib.purl2url import get_download_url

from inspect_swe._errors import RegistryError
from inspect_swe._folders import home_folder, working_folder

from ..http import USER_INFO, Network, basic, hide, host_of, hosts, variable, with_scheme
from .npmrc import read_settings

_SECRET_KEYS = ("_authtoken", "_auth", "_password")
_NO = ("", "false", "null", "none", "0")


@dataclass(frozen=True, repr=False)
class NpmConfig:
    """The user's npm configuration. `mask` redacts its secrets in every message.

    Args:
        settings: npm's settings by name; see `load`.
    """

    settings: Mapping[str, str]

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, home: Path | None = None, cwd: Path | None = None) -> NpmConfig:
        """Read the environment and the npmrc files that npm would read.

        Args:
            env: The environment (default: this process's).
            home: The user's home folder (default: this user's).
            cwd: The project's folder (default: the working directory).
        """
        env = os.environ if env is None else env
        settings = read_settings(env, home or home_folder(), cwd or working_folder())
        plain, secure = variable(env, "HTTP_PROXY"), variable(env, "HTTPS_PROXY")
        defaults = {
            "https-proxy": settings.get("proxy") or secure or plain,
            "proxy": plain,
            "noproxy": variable(env, "NO_PROXY"),
            "cafile": env.get("NODE_EXTRA_CA_CERTS"),
        }
        for key, value in defaults.items():
            if value:
                settings.setdefault(key, value)
        return cls(MappingProxyType(settings))

    def __repr__(self) -> str:
        return f"NpmConfig(registry={self.registry_for('')!r}, ...)"

    def registry_for(self, package: str) -> str:
        """Return the URL of a package's registry, without a final slash and user-info."""
        scope = package.partition("/")[0] if package.startswith("@") else None
        url = (scope and self.settings.get(f"{scope}:registry")) or self.settings.get("registry")
        return USER_INFO.sub("//", url or default_registry()).rstrip("/")

    def headers_for(self, url: str) -> dict[str, str]:
        """Return the credentials of the longest configured `//host/path` that contains a URL, or none."""
        parsed = httpx.URL(url)
        if parsed.scheme != "https" and not self._is_plain_by_choice(parsed):
            return {}
        prefix = f"//{host_of(parsed)}{parsed.path}"
        while len(prefix) > len("//"):
            header = self._credentials(prefix)
            if header is not None:
                return {"Authorization": header}
            prefix = re.sub(r"([^/]+|/)$", "", prefix)
        return {}

    def client(self) -> httpx.Client:
        """Return a client with the system's and npm's certificates, npm's proxies, and credentials per request."""
        proxies = {"http://": self.settings.get("proxy", ""), "https://": self.settings.get("https-proxy", "")}
        network = Network(
            "npm",
            cafile=self.settings.get("cafile"),
            cafile_hint="correct `cafile` in your .npmrc (or NODE_EXTRA_CA_CERTS in the environment).",
            verify=self.settings.get("strict-ssl", "true").lower() not in _NO,
            proxies={scheme: with_scheme(proxy) for scheme, proxy in proxies.items() if proxy.lower() not in _NO},
            proxies_hint="correct `proxy` and `https-proxy` in your .npmrc (or HTTP_PROXY and HTTPS_PROXY).",
            exempt=hosts(self.settings.get("noproxy", "")),
        )
        return network.client(self.headers_for)

    def mask(self, text: str) -> str:
        """Redact the user-info of URLs and all configured secrets in a text."""
        return hide(text, (value for key, value in self.settings.items() if key.lower().endswith(_SECRET_KEYS)))

    def _is_plain_by_choice(self, url: httpx.URL) -> bool:
        """Return whether the user configured the host without TLS: a redirect must not send tokens unencrypted."""
        return any(
            registry.startswith("http://") and host_of(httpx.URL(registry)) == host_of(url)
            for registry in self._registries()
        )

    def _registries(self) -> list[str]:
        return [default_registry()] + [
            value for key, value in self.settings.items() if key == "registry" or key.endswith(":registry")
        ]

    def _credentials(self, prefix: str) -> str | None:
        for registry in self._registries():
            url = httpx.URL(registry)
            if url.userinfo and prefix.rstrip("/") == f"//{host_of(url)}{url.path}".rstrip("/"):
                return basic(url.username, url.password)
        header = self._header(f"{prefix}:")
        if header is None and prefix.rstrip("/") == self._default_prefix():
            header = self._header("")
        return header

    def _default_prefix(self) -> str:
        url = httpx.URL(self.registry_for(""))
        return f"//{host_of(url)}{url.path}".rstrip("/")

    def _header(self, prefix: str) -> str | None:
        def setting(name: str) -> str | None:
            return self.settings.get(prefix + name) or self.settings.get(prefix + name.lower())

        if token := setting("_authToken"):
            return f"Bearer {token}"
        if pair := setting("_auth"):
            return f"Basic {pair}"
        user, password = setting("username"), setting("_password")
        if user and password:
            return basic(user, _decoded(password))
        return None


@functools.cache
def default_registry() -> str:
    """Return the URL of the public npm registry, the default."""
    url = get_download_url("pkg:npm/name@1.0.0")  # type: ignore[no-untyped-call]
    return str(url).partition("/name/-/")[0]


def _decoded(password: str) -> str:
    try:
        return base64.b64decode(password).decode()
    except ValueError:
        raise RegistryError(
            "The `_password` in your npm configuration is not valid base64.",
            hint="encode it in base64, as npm requires, or use an `_authToken`.",
        ) from None
