"""Wheel bundles: a package and all its dependencies in one tar file, cached in the store."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import logging
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from inspect_swe._errors import AgentOptionError, RegistryError

from .._packages.download import download
from .._packages.npm.registry import Release
from .._packages.pypi.config import PipConfig
from .._packages.pypi.index import INDEX_HINT, PyPIIndex
from .._packages.pypi.lock import sha256_of
from .._packages.pypi.resolver import resolve_wheels
from .._packages.pypi.tags import Target, allowed
from .layout import MAX_COPIES, Disk

logger = logging.getLogger(__name__)

_SUFFIX = ".tar.gz"


def wheels_tarball(root: Path, package: str, version: str | None, target: Target) -> tuple[bytes, str]:
    """Return a tar file with the wheels of a package and its dependencies, and the package's version. Blocks.

    Args:
        root: The store's folder.
        package: Name of the package, optionally with extras: `name[extra]`.
        version: Version of the package; None means the newest.
        target: The sandbox's platform and Python.

    Raises:
        AgentOptionError: The package's name or version is not valid.
        RegistryError: The index can't be reached and the cache has no bundle, or a download failed.
        AgentInstallError: No compatible wheels exist, or they can't be stored.
    """
    requirement = _requirement(package, version)
    cache = BundleCache(root, requirement, target)
    if version is not None and (content := cache.read(number := str(Version(version)))) is not None:
        return content, number
    with Disk(root).errors(f"The wheels of {package}"):
        return _fetch(cache, requirement, target)


def _fetch(cache: BundleCache, requirement: Requirement, target: Target) -> tuple[bytes, str]:
    stop = threading.Event()
    with PyPIIndex(PipConfig.load(), stop) as index, cache.locked(stop):
        try:
            version = _newest(index, requirement, target)
        except RegistryError as error:
            return cache.latest(error)
        if version is not None and (content := cache.read(version)) is not None:
            return content, version
        releases = resolve_wheels(index, [str(requirement)], target, stop=stop)
        version = next(one.version for one in releases if one.package == canonicalize_name(requirement.name))
        with cache.scratch() as folder:
            title = f"{requirement.name} {version}"
            content = _tarball(download(index.config, releases, Path(folder), title, INDEX_HINT, stop))
        cache.write(version, content, releases)
        return content, version


def _newest(index: PyPIIndex, requirement: Requirement, target: Target) -> str | None:
    """Return the required version, or else the newest one with a wheel for the target, or None if there is none."""
    if not requirement.specifier:
        files = allowed(target.best(index.files(requirement.name)), SpecifierSet())
        return str(files[0].version) if files else None
    return next(iter(requirement.specifier)).version


def remove_bundle(root: Path, folder: Path) -> None:
    """Remove the bundles in a folder below the store's `wheels`. Blocks while one is being made."""
    with Disk(root).locked(_name(folder), threading.Event()):
        shutil.rmtree(folder, ignore_errors=True)


def _name(folder: Path) -> str:
    return f"wheels-{folder.parent.name}-{folder.name}"


@dataclass(frozen=True)
class BundleCache:
    """The cached bundles of a package for one target. A bundle is valid if it matches the digest stored beside it."""

    root: Path
    requirement: Requirement
    target: Target

    @property
    def _name(self) -> str:
        return "+".join([canonicalize_name(self.requirement.name), *sorted(self.requirement.extras)])

    @property
    def _folder(self) -> Path:
        return self.root / "wheels" / self._name / f"py{self.target.minor}-{self.target.platform}"

    def locked(self, stop: threading.Event) -> AbstractContextManager[None]:
        """Return the folder's lock. Creates the folder if missing."""
        disk = Disk(self.root)
        disk.make(self._folder)
        return disk.locked(_name(self._folder), stop)

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """Return a temporary folder for downloads. Removes those of killed processes, so the lock must be held."""
        for stale in self._folder.glob("tmp*"):
            shutil.rmtree(stale, ignore_errors=True)
        return tempfile.TemporaryDirectory(dir=self._folder, prefix="tmp")

    def read(self, version: str) -> bytes | None:
        """Return the bundle of a version, or None if it is missing or damaged."""
        try:
            note = json.loads(self._note(version).read_text(encoding="utf-8"))
            content = self._file(version).read_bytes()
            return content if hashlib.sha256(content).hexdigest() == note["sha256"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def latest(self, error: RegistryError) -> tuple[bytes, str]:
        """Return the most recently made bundle and its version, or raise the index's error if there is none."""
        for file in self._by_age():
            version = file.name[: -len(_SUFFIX)]
            if (content := self.read(version)) is not None:
                logger.warning("Using %s %s, the latest in the cache: %s", self._name, version, error.summary)
                return content, version
        raise error

    def write(self, version: str, content: bytes, releases: Iterable[Release]) -> None:
        """Store a bundle, and remove all but the latest few."""
        note = {"sha256": hashlib.sha256(content).hexdigest(), "wheels": {one.file: sha256_of(one) for one in releases}}
        self._put(self._file(version), content)
        self._put(self._note(version), json.dumps(note, indent=1).encode())
        for old in self._by_age()[MAX_COPIES:]:
            self._note(old.name[: -len(_SUFFIX)]).unlink(missing_ok=True)
            old.unlink(missing_ok=True)

    def _put(self, file: Path, content: bytes) -> None:
        part = file.with_name(f"{file.name}.part")
        part.write_bytes(content)
        part.replace(file)

    def _by_age(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda file: file.stat().st_mtime_ns, reverse=True)

    def _file(self, version: str) -> Path:
        return self._folder / f"{version}{_SUFFIX}"

    def _note(self, version: str) -> Path:
        return self._folder / f"{version}.json"


def _requirement(package: str, version: str | None) -> Requirement:
    try:
        requirement = Requirement(package)
        plain = not (requirement.specifier or requirement.marker or requirement.url)
        if not plain:
            raise InvalidRequirement("only a name is allowed")
        requirement.specifier = SpecifierSet(f"=={Version(version)}" if version is not None else "")
    except (InvalidRequirement, InvalidVersion) as error:
        raise AgentOptionError(
            f"{package!r} in version {version!r} is not a valid package: {error}.",
            hint='use a package\'s name such as "mini-swe-agent", and a version such as "2.2.3" or None.',
        ) from error
    return requirement


def _tarball(wheels: Iterable[Path]) -> bytes:
    """Return a reproducible gzipped tar file of wheels, without compression: wheels are already compressed."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=0, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for wheel in sorted(wheels):
            member = tarfile.TarInfo(wheel.name)
            member.size = wheel.stat().st_size
            with wheel.open("rb") as content:
                archive.addfile(member, content)
    return buffer.getvalue()
