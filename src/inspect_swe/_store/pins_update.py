"""New pins with the registries' newest versions and digests, for a checkout of this package."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import semver
from packaging.specifiers import SpecifierSet

from inspect_swe._errors import AgentInstallError

from .._packages.npm.registry import NpmRegistry, Release, digest_of, newest_first
from .._packages.pins import Pin, Pins
from .._packages.platforms import PLATFORMS
from .._packages.pypi.index import PyPIIndex
from .._packages.pypi.lock import Lock, make_lock
from .._packages.pypi.python_packages import newest_version
from .._packages.pypi.resolver import release_of
from .._packages.pypi.tags import Target, allowed
from .._packages.recipes import NpmPackage, PythonPackage, Recipe, Tool
from .versions import latest_published

# A wheel that contains a program runs with any Python, but choosing a wheel requires a version.
_ANY_PYTHON = "3.12"
_RANGE = re.compile(r"([~^])(\d+\.\d+\.\d+)")


@dataclass(frozen=True)
class PinMaker:
    """A maker of pins from the registries' metadata. All methods block.

    Args:
        registry: The npm registry.
        index: The Python package index.
        stop: Cancels the work when set.
    """

    registry: NpmRegistry
    index: PyPIIndex
    stop: threading.Event

    def pin(self, key: str, source: Recipe | Tool, old: Pin, version: str | None = None) -> Pin:
        """Make a pin.

        Args:
            key: Key of the agent, or of a program that agents need.
            source: Its recipe.
            old: The current pin.
            version: The version to pin; None means the newest.
        """
        if isinstance(source, PythonPackage):
            return Pin(key, version or newest_version(source.package, self.stop), {})
        if isinstance(source, NpmPackage):
            version = version or latest_published(self.registry, source, PLATFORMS)[0]
            releases: dict[str, Release] = {
                platform: self._npm(source.package_for(platform), source.release_version(version, platform))
                for platform in PLATFORMS
            }
            package = source.package_for(PLATFORMS[0])
            return Pin(key, version, releases, self._parts(package, version, old.parts))
        if next(iter(old.releases.values())).file is not None:
            return self._wheel_pin(key, old, version)
        package = old.release(PLATFORMS[0]).package
        version = version or self._same_major(package, old.version)
        releases = {name: self._npm(each.package, version) for name, each in old.releases.items()}
        return Pin(key, version, releases, self._parts(package, version, old.parts))

    def lock(self, recipe: PythonPackage, version: str) -> Lock:
        """Resolve the wheels of a version for all platforms and Python versions."""
        return make_lock(self.index, [f"{recipe.package}=={version}"], recipe.exclude, stop=self.stop)

    def _same_major(self, package: str, old: str) -> str:
        """Return the newest version with the same major version: a maintainer decides about a new one."""
        versions = newest_first(self.registry.packument(package)["versions"])
        return next(one for one in versions if one.partition(".")[0] == old.partition(".")[0])

    def _parts(self, package: str, version: str, old: tuple[Release, ...]) -> tuple[Release, ...]:
        """Return new releases of the pinned parts, as required by the package or by preceding parts."""
        if not old:
            return ()
        ranges, parts = self._dependencies(package, version), []
        for part in old:
            parts.append(self._part(part.package, ranges.get(part.package, ""), f"{package} {version}"))
            ranges = {**self._dependencies(part.package, parts[-1].version), **ranges}
        return tuple(parts)

    def _dependencies(self, package: str, version: str) -> Mapping[str, str]:
        return self.registry.packument(package)["versions"][version].get("dependencies") or {}

    def _part(self, package: str, required: str, parent: str) -> Release:
        newest = newest_of(self.registry.packument(package)["versions"], required)
        if newest is None:
            raise AgentInstallError(
                f"No known version of {package} matches {required!r}, which {parent} requires.",
                hint="only x.y.z, ~x.y.z and ^x.y.z are supported: check that the program still requires this package.",
            )
        return self._npm(package, newest)

    def _npm(self, package: str, version: str) -> Release:
        release = self.registry.resolve(package, version)
        return Release(package, version, integrity=digest_of(release))

    def _wheel_pin(self, key: str, old: Pin, version: str | None) -> Pin:
        package, major = old.release(PLATFORMS[0]).package, int(old.version.partition(".")[0])
        specifiers = SpecifierSet(f"=={version}" if version else f">={major},<{major + 1}")
        files = allowed(self.index.files(package), specifiers)
        newest = str(max((file.version for file in files), default=""))
        releases: dict[str, Release] = {}
        for platform in PLATFORMS:
            fitting = [file for file in Target(platform, _ANY_PYTHON).best(files) if str(file.version) == newest]
            if not fitting:
                raise AgentInstallError(f"{package} {newest or specifiers} has no wheel for {platform}.")
            wheel = release_of(fitting[0])
            releases[platform] = Release(package, newest, integrity=digest_of(wheel), file=wheel.file)
        return Pin(key, newest, releases)


def newest_of(versions: Collection[str], required: str) -> str | None:
    """Return the newest version that npm would choose for `x.y.z`, `~x.y.z` or `^x.y.z`, or None if there is none.

    Args:
        versions: The published versions.
        required: The required version or range. Other kinds of ranges match nothing.
    """
    if required in versions:
        return required
    match = _RANGE.fullmatch(required)
    if match is None:
        return None
    kind, first = match[1], semver.Version.parse(match[2])
    if kind == "^" and first.major:
        end = first.bump_major()
    elif kind == "~" or first.minor:
        end = first.bump_minor()
    else:
        end = first.bump_patch()
    known = [semver.Version.parse(one) for one in versions if semver.Version.is_valid(one)]
    within = [one for one in known if first <= one < end and one.prerelease is None]
    return str(max(within)) if within else None


def pins_text(pins: Pins) -> str:
    """Return the content of the pins file."""
    return json.dumps({key: _entry(pin) for key, pin in pins.pins.items()}, indent=2) + "\n"


def _entry(pin: Pin) -> Mapping[str, Any]:
    lists = {
        "platforms": {platform: _fields(release) for platform, release in pin.releases.items()},
        "parts": [_fields(part) for part in pin.parts],
    }
    return {"version": pin.version, **{name: value for name, value in lists.items() if value}}


def _fields(release: Release) -> Mapping[str, str | None]:
    file = {"file": release.file} if release.file else {}
    return {"package": release.package, "version": release.version, "integrity": release.integrity, **file}
