"""Locks: the exact wheels of a pinned version, for every sandbox platform and Python version."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import parse_wheel_filename

from inspect_swe._errors import AgentInstallError, RegistryError

from ..npm.registry import Release
from ..platforms import PLATFORMS
from .index import INDEX_HINT, IndexFile, PyPIIndex
from .resolver import Snapshot, integrity, release_of, resolve_wheels
from .tags import Target

LOCKS_FOLDER = Path(__file__).parents[1] / "locks"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

_THREADS = 8
_ALL = "all"


@dataclass(frozen=True)
class LockedWheel:
    """One wheel of a lock.

    Args:
        filename: File name in the index.
        sha256: Hexadecimal digest.
        targets: Targets that use the wheel, such as `linux-x64 3.11`; empty means all.
    """

    filename: str
    sha256: str
    targets: frozenset[str] = frozenset()

    @property
    def release(self) -> Release:
        """The wheel's release, without a URL: the user's index provides that."""
        name, version, _, _ = parse_wheel_filename(self.filename)
        return Release(name, str(version), None, integrity(self.sha256), self.filename)


@dataclass(frozen=True)
class Lock:
    """The wheels of a pinned version.

    Args:
        requirements: Resolved requirements: the pinned version, such as `mini-swe-agent==2.2.3`, and constraints.
        exclude: Excluded projects.
        pythons: Python versions that the lock covers, on every platform.
        wheels: The wheels, sorted by name.
    """

    requirements: tuple[str, ...]
    exclude: tuple[str, ...]
    pythons: tuple[str, ...]
    wheels: tuple[LockedWheel, ...]

    @classmethod
    def load(cls, file: Path) -> Lock:
        """Read a lock file."""
        document = json.loads(file.read_text(encoding="utf-8"))
        wheels = tuple(
            LockedWheel(filename, sha256, frozenset(_expanded(targets)))
            for filename, sha256, targets in document["wheels"]
        )
        return cls(tuple(document["requirements"]), tuple(document["exclude"]), tuple(document["pythons"]), wheels)

    def text(self) -> str:
        """Return the content of the lock file: one line per wheel, in a stable order."""
        head = {"requirements": self.requirements, "exclude": self.exclude, "pythons": self.pythons}
        lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        wheels = [json.dumps([wheel.filename, wheel.sha256, _folded(wheel.targets)]) for wheel in self.wheels]
        body = ",\n".join(f"  {wheel}" for wheel in wheels)
        return "{\n" + ",\n".join(lines) + f',\n "wheels": [\n{body}\n ]\n}}\n'

    def select(self, target: Target) -> list[Release]:
        """Return the wheels for a sandbox, sorted by name, without URLs. Needs no network.

        Raises:
            AgentInstallError: The lock does not cover the target's Python, or a wheel needs a newer C library.
        """
        if target.minor not in self.pythons:
            raise AgentInstallError(
                f"{self.requirements[0]} is not locked for {target} (only for Python {', '.join(self.pythons)}).",
                hint="use an image with one of these versions of Python.",
            )
        key = f"{target.platform} {target.minor}"
        chosen = [wheel for wheel in self.wheels if not wheel.targets or key in wheel.targets]
        for wheel in chosen:
            if target.rank(IndexFile(wheel.filename, "")) is None:
                raise AgentInstallError(
                    f"{wheel.filename} does not run in the sandbox: its C library is too old.",
                    hint="use a newer image (at least glibc 2.28 or musl 1.2).",
                )
        return [wheel.release for wheel in chosen]


def make_lock(
    index: PyPIIndex,
    requirements: Sequence[str],
    exclude: Sequence[str] = (),
    pythons: Sequence[str] = PYTHONS,
    stop: threading.Event | None = None,
) -> Lock:
    """Resolve requirements for all platforms and several Python versions. Blocks for seconds or minutes.

    Args:
        index: The Python package index.
        requirements: Requirements such as `mini-swe-agent==2.2.3`, and constraints on its dependencies.
        exclude: Projects to leave out, along with dependencies that only they require.
        pythons: The Python versions.
        stop: Cancels the work when set.
    """
    targets: dict[Release, set[str]] = {}
    with Snapshot(index, stop) as snapshot:
        for platform in PLATFORMS:
            for python in pythons:
                for release in resolve_wheels(snapshot, requirements, Target(platform, python), exclude):
                    targets.setdefault(_lockable(release), set()).add(f"{platform} {python}")
    everything = len(PLATFORMS) * len(pythons)
    wheels = [
        LockedWheel(release.file or "", sha256_of(release), frozenset(used if len(used) < everything else ()))
        for release, used in targets.items()
    ]
    wheels.sort(key=lambda wheel: (wheel.release.package, wheel.filename))
    return Lock(tuple(requirements), tuple(sorted(exclude)), tuple(pythons), tuple(wheels))


def located(index: PyPIIndex, releases: Iterable[Release]) -> list[Release]:
    """Return wheels with their URLs in the user's index and unchanged digests. Blocks.

    Args:
        index: The Python package index.
        releases: The wheels.

    Raises:
        RegistryError: The index could not be read, or does not have a wheel.
    """
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect_swe_index") as threads:
        return list(threads.map(lambda release: _located(index, release), releases))


def sha256_of(release: Release) -> str:
    """Return the hexadecimal sha256 digest of a wheel, which must have one."""
    assert release.integrity is not None
    return base64.b64decode(release.integrity.removeprefix("sha256-")).hex()


def _located(index: PyPIIndex, release: Release) -> Release:
    if release.url is not None:
        return release
    file = next((file for file in index.files(release.package) if file.filename == release.file), None)
    if file is None:
        raise RegistryError(
            f"The Python package index {index.config.shown_indexes} does not have {release.file}.", hint=INDEX_HINT
        )
    return replace(release_of(file), integrity=release.integrity)


def _lockable(release: Release) -> Release:
    if release.integrity is None:
        raise AgentInstallError(f"The Python package index has no sha256 digest for {release.file}.")
    return replace(release, url=None)


def _folded(targets: Iterable[str]) -> str | Mapping[str, str]:
    """Return the notation of targets in the lock file: Python versions by platform, or `all`."""
    by_platform: dict[str, list[str]] = {}
    for target in sorted(targets, key=_order):
        platform, _, python = target.partition(" ")
        by_platform.setdefault(platform, []).append(python)
    return {platform: " ".join(pythons) for platform, pythons in by_platform.items()} or _ALL


def _expanded(targets: str | Mapping[str, str]) -> list[str]:
    if isinstance(targets, str):
        return []
    return [f"{platform} {python}" for platform, pythons in targets.items() for python in pythons.split()]


def _order(target: str) -> tuple[str, list[int]]:
    platform, _, python = target.partition(" ")
    return platform, [int(part) for part in python.split(".")]
