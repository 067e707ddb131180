"""Comparison of pinned digests with those in the user's registries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from inspect_swe._errors import RegistryError

from .._packages.npm.registry import NpmRegistry, Release
from .._packages.pins import Pins
from .._packages.pypi.index import PyPIIndex
from .._packages.pypi.lock import Lock
from .._packages.pypi.resolver import integrity

_THREADS = 8

Answer = Literal["same", "differs", "missing", "not stated", "unreachable"]


@dataclass(frozen=True)
class Checked:
    """The comparison of one pinned digest with the registry's.

    Args:
        name: Key of the pin: an agent, or a program that agents need.
        version: The pinned version.
        what: Name and version of the package, or file name of the wheel.
        answer: Result of the comparison.
        pinned: The pinned digest.
        stated: The registry's digest, if any.
        error: Reason why the registry could not be reached.
        platforms: Platforms that share this digest. Empty for wheels: their lock names the platforms.
    """

    name: str
    version: str
    what: str
    answer: Answer
    pinned: str
    stated: str | None = None
    error: str | None = None
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Pinned:
    name: str
    version: str
    release: Release
    platforms: list[str] = field(default_factory=list, compare=False)

    def checked(self, answer: Answer, stated: str | None = None, error: str | None = None) -> Checked:
        what = self.release.file or f"{self.release.package} {self.release.version}"
        pinned = self.release.integrity or ""
        return Checked(self.name, self.version, what, answer, pinned, stated, error, tuple(self.platforms))


def compare_pins(
    pins: Pins,
    locks: Mapping[str, Lock],
    registry: NpmRegistry,
    index: PyPIIndex,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> list[Checked]:
    """Compare every pinned digest with the registries' digests. Blocks.

    Args:
        pins: The pins.
        locks: The locks of pinned Python packages, by agent.
        registry: The npm registry.
        index: The Python package index.
        advance: Called with the number of checked packages and the total.
    """
    pinned = [*_from_pins(pins), *_from_locks(pins, locks)]
    pinned.sort(key=_source)
    groups = [list(group) for _, group in groupby(pinned, key=_source)]
    results: list[Checked] = []
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect_swe_pins") as threads:
        for done, checked in enumerate(threads.map(lambda group: list(_compare(group, registry, index)), groups), 1):
            results.extend(checked)
            advance(done, len(groups))
    order = list(pins.pins)
    return sorted(results, key=lambda one: (order.index(one.name), one.what))


def _from_pins(pins: Pins) -> Iterable[_Pinned]:
    for name, pin in pins.pins.items():
        pinned: dict[Release, _Pinned] = {}
        for platform, release in pin.releases.items():
            pinned.setdefault(release, _Pinned(name, pin.version, release)).platforms.append(platform)
        yield from pinned.values()
        yield from (_Pinned(name, pin.version, part, list(pin.releases)) for part in pin.parts)


def _from_locks(pins: Pins, locks: Mapping[str, Lock]) -> Iterable[_Pinned]:
    for name, lock in locks.items():
        for wheel in lock.wheels:
            yield _Pinned(name, pins.pin(name).version, wheel.release)


def _source(pinned: _Pinned) -> tuple[bool, str]:
    return pinned.release.file is not None, pinned.release.package


def _compare(group: list[_Pinned], registry: NpmRegistry, index: PyPIIndex) -> Iterable[Checked]:
    """Compare all pins of one package with a single request."""
    is_wheel, package = _source(group[0])
    try:
        stated = _wheels(index, package) if is_wheel else _tarballs(registry, package)
    except RegistryError as error:
        yield from (pinned.checked("unreachable", error=error.summary) for pinned in group)
        return
    for pinned in group:
        key = pinned.release.file or pinned.release.version
        digest = stated.get(key)
        if key not in stated:
            yield pinned.checked("missing")
        elif digest is None:
            yield pinned.checked("not stated")
        else:
            same = pinned.release.integrity in digest.split()
            yield pinned.checked("same" if same else "differs", digest)


def _wheels(index: PyPIIndex, package: str) -> dict[str, str | None]:
    return {file.filename: integrity(file.sha256) if file.sha256 else None for file in index.files(package)}


def _tarballs(registry: NpmRegistry, package: str) -> dict[str, str | None]:
    versions = registry.packument(package)["versions"]
    return {version: (entry.get("dist") or {}).get("integrity") for version, entry in versions.items()}
