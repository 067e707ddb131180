"""The npm registry: published versions, and the URLs and digests of their tarballs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import quote

import httpx
import semver

from inspect_swe._errors import DigestMismatchError, RegistryError, UnknownVersionError

from ..http import TransientError, check_status, retried
from .config import NpmConfig, default_registry

_ABBREVIATED = "application/vnd.npm.install-v1+json, application/json;q=0.8, */*;q=0.5"
_SHOWN_VERSIONS = 5
_SHA256 = re.compile(r"sha256-[A-Za-z0-9+/]{43}=")
_SHA512 = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")
REGISTRY_HINT = (
    "set `registry` (and `proxy`, `//host/:_authToken` where needed) in your .npmrc or as NPM_CONFIG_REGISTRY, "
    "or run `inspect-swe download` beforehand where the registry can be reached."
)


@dataclass(frozen=True)
class Release:
    """One version of a package: an npm tarball, or a wheel from PyPI.

    Args:
        package: Name of the package.
        version: Version of the package in the registry.
        url: Download URL, or None before the registry is queried.
        integrity: Digest (`sha512-...`, for a wheel `sha256-...`), or None before the registry is queried.
        file: File name of the wheel; None means an npm tarball.
    """

    package: str
    version: str
    url: str | None = None
    integrity: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class NpmRegistry:
    """The registries of an npm configuration. All methods block: call them in a worker thread.

    Args:
        config: The user's npm configuration.
    """

    config: NpmConfig

    def packument(self, package: str, stop: threading.Event | None = None) -> dict[str, Any]:
        """Return the registry's metadata of a package: versions and tags. `stop` cancels the work when set.

        Raises:
            RegistryError: The registry could not be reached, or its response was not valid.
        """
        url = f"{self.config.registry_for(package)}/{quote(package, safe='@')}"
        try:
            with self.config.client() as client:
                response = retried(lambda: _get(client, url), stop)
        except (TransientError, httpx.HTTPError, httpx.InvalidURL) as error:
            self._fail(package, f"could not be reached ({error or type(error).__name__})", error)
        if response.status_code != 200:
            self._fail(package, f"returned HTTP status {response.status_code} {response.reason_phrase}")
        try:
            document = json.loads(response.content)
            document["versions"].items()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._fail(package, "returned invalid metadata", error)
        return document  # type: ignore[no-any-return]

    def resolve(self, package: str, version_or_tag: str, stop: threading.Event | None = None) -> Release:
        """Return the release with a version or tag, with the registry's sha512 digest.

        Raises:
            RegistryError: The registry could not be reached, or its response was not valid.
            UnknownVersionError: The registry has no such version.
        """
        return self.select(package, version_or_tag, self.packument(package, stop))

    def select(self, package: str, version_or_tag: str, document: Mapping[str, Any]) -> Release:
        """Return the release with a version or tag from a package's metadata.

        Raises:
            RegistryError: The metadata has no tarball for the version.
            UnknownVersionError: The metadata has no such version.
        """
        versions: Mapping[str, Any] = document["versions"]
        version = (document.get("dist-tags") or {}).get(version_or_tag, version_or_tag)
        if version not in versions:
            newest = ", ".join(newest_first(versions)[:_SHOWN_VERSIONS]) or "none"
            registry = self.config.registry_for(package)
            raise UnknownVersionError(
                f"{package} has no version {version_or_tag!r} in the registry {registry}. The newest are: {newest}.",
                hint='request one of these, or "stable".',
            )
        return self._release(package, version, versions[version])

    def completed(self, release: Release, stop: threading.Event | None = None) -> Release:
        """Return the release with the registry's tarball URL. An existing digest (of a pin) stays unchanged."""
        if release.url is not None and release.integrity is not None:
            return release
        published = self.resolve(release.package, release.version, stop)
        return replace(published, integrity=release.integrity or published.integrity)

    def _release(self, package: str, version: str, metadata: Mapping[str, Any]) -> Release:
        dist = metadata.get("dist") or {}
        tarball = dist.get("tarball")
        if not isinstance(tarball, str):
            self._fail(package, f"has no tarball for version {version}")
        if tarball.startswith(f"{default_registry()}/"):
            # npm does the same: a mirror may serve the public metadata while the public host can't be reached.
            tarball = self.config.registry_for(package) + tarball[len(default_registry()) :]
        digests = [digest for digest in str(dist.get("integrity")).split() if _SHA512.fullmatch(digest)]
        return Release(package, version, tarball, digests[0] if digests else None)

    def _fail(self, package: str, reason: str, cause: Exception | None = None) -> NoReturn:
        registry = self.config.registry_for(package)
        raise RegistryError(
            self.config.mask(f"The npm registry {registry} {reason} (requested: {package})."),
            hint=REGISTRY_HINT,
        ) from cause


def digest_of(release: Release) -> str:
    """Return the release's digest: sha512, or sha256 for a wheel. Every installed release must have one.

    Raises:
        DigestMismatchError: The release has no such digest.
    """
    pattern = _SHA512 if release.file is None else _SHA256
    if release.integrity is not None and pattern.fullmatch(release.integrity):
        return release.integrity
    raise DigestMismatchError(
        f"{release.package} {release.version} can't be verified: "
        "the registry has no sha512 digest (for a wheel: sha256) of it.",
        hint='use "stable" (its digest is pinned), or a registry that serves `dist.integrity`.',
    )


def newest_first(versions: Mapping[str, Any] | list[str]) -> list[str]:
    """Sort versions, newest first and releases before pre-releases. Skips invalid versions."""
    known = [version for version in versions if semver.Version.is_valid(version)]
    return sorted(known, key=_age, reverse=True)


def _get(client: httpx.Client, url: str) -> httpx.Response:
    response = client.get(url, headers={"Accept": _ABBREVIATED})
    if response.status_code in (406, 415):
        response = client.get(url, headers={"Accept": "application/json"})
    check_status(response)
    return response


def _age(version: str) -> tuple[bool, semver.Version]:
    parsed = semver.Version.parse(version)
    return parsed.prerelease is None, parsed
