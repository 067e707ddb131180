"""The artifact store: verified CLI packages on disk, downloaded once for all tasks and processes of a host."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from inspect_swe._errors import AgentInstallError
from inspect_swe._folders import cache_folder

from .._packages.download import Downloads, download
from .._packages.extract import unpack, unpack_inside
from .._packages.npm.config import NpmConfig
from .._packages.npm.registry import REGISTRY_HINT, NpmRegistry, Release
from .._packages.pins import Pins
from .._packages.platforms import SandboxPlatform
from .._packages.pypi.config import PipConfig
from .._packages.pypi.index import INDEX_HINT, PyPIIndex
from .._packages.pypi.lock import located
from .._packages.pypi.python_packages import resolved
from .._packages.pypi.tags import Target
from .._packages.recipes import PythonPackage, SingleFile
from . import verification
from .layout import Disk
from .single_flight import SingleFlight, in_worker
from .usage_locks import UsageLocks

# Shared by all stores of the process: keys include the store's folder.
_usage_locks = UsageLocks()
_fetches: SingleFlight[StoredArtifact] = SingleFlight("inspect_swe_fetches")


@dataclass(frozen=True)
class Artifact:
    """One version of an agent's CLI for one platform.

    Args:
        agent: The agent's key.
        version: The CLI's version.
        platform: The sandbox platform.
        release: The main package's release. Without a digest, any verified copy of that release matches.
        member: Path of the executable in the package (`package/...`).
        keep: Prefixes of the paths to unpack from each package; empty means all.
        drop: Suffixes of the paths not to unpack.
        parts: Additional packages: wheels in the same folder, or npm packages in `node_modules`. If empty for a Python
            package, they are resolved when it is fetched.
        target: Platform and Python version, for a Python package.
        recipe: The recipe, for a Python package.
        inside: The executable that contains the files, if any.
    """

    agent: str
    version: str
    platform: SandboxPlatform
    release: Release
    member: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    parts: tuple[Release, ...] = ()
    target: Target | None = None
    recipe: PythonPackage | None = None
    inside: SingleFile | None = None

    @property
    def suffix(self) -> str:
        """The part of its folder's name after the version: Python version and platform."""
        python = f"-py{self.target.minor}" if self.target else ""
        return f"{python}-{self.platform}"

    @property
    def folder(self) -> str:
        """Its folder below the store's `artifacts`."""
        return f"{self.agent}/{self.version}{self.suffix}"

    @property
    def name(self) -> str:
        """The name of its lock and temporary folders."""
        return self.folder.replace("/", "-")


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact on disk, complete and verified.

    Args:
        path: Folder of the unpacked package.
        binary: Path of the executable.
        artifact: The artifact, with the verified digest.
        source: "download" if this call downloaded it, else "cache".
    """

    path: Path
    binary: Path
    artifact: Artifact
    source: Literal["cache", "download"]

    @property
    def digest(self) -> str:
        """The registry's digest of the package (`sha512-...`)."""
        return self.artifact.release.integrity or ""


class ArtifactStore:
    """A folder of verified packages. Later checks compare sizes and modification times, and don't reread files.

    The store retains the five most recently used versions per agent, platform and Python. It also retains the pinned
    version, and artifacts that a running process has fetched.

    Args:
        root: The folder (default: `INSPECT_SWE_CACHE_DIR`, or else the user's cache folder).
        registry: The npm registry (default: from npm's configuration, read when needed).
    """

    def __init__(self, root: Path | None = None, registry: NpmRegistry | None = None) -> None:
        self.root = cache_folder() if root is None else root.absolute()
        self.disk = Disk(self.root)
        self._registry = registry

    def registry(self) -> NpmRegistry:
        """Return the npm registry. Reads npm's configuration: call it in a worker thread."""
        return self._registry or NpmRegistry(NpmConfig.load())

    def cached(self, artifact: Artifact) -> StoredArtifact | None:
        """Return the stored copy, or None if it is missing or damaged. Calls `stat` once per file."""
        folder = self.disk.folder(artifact.folder)
        verified = verification.verified_releases(folder)
        if not (verified and _matches(verified[0], artifact.release) and _parts_match(verified[1:], artifact.parts)):
            return None
        release = verified[0]
        stored = StoredArtifact(
            folder / "package", folder / artifact.member, replace(artifact, release=release), "cache"
        )
        return stored if stored.binary.is_file() else None

    def acquire(self, artifact: Artifact) -> StoredArtifact | None:
        """Return the stored copy like `cached`, and prevent its removal until this process ends."""
        folder = self.disk.folder(artifact.folder)
        if not _usage_locks.acquire(folder / verification.NAME):
            return None
        stored = self.cached(artifact)
        if stored is not None:
            verification.mark_used(folder)
        return stored

    def remove(self, folder: str) -> bool:
        """Remove a copy, intact or damaged, by its folder below `artifacts`, unless a process uses or makes it.

        Returns:
            True if the copy was removed.
        """
        return self.disk.remove(self.disk.folder(folder), unknown=True)

    def versions(self, agent: str, platform: SandboxPlatform) -> list[str]:
        """Return the intact stored versions of an agent's CLI for a platform."""
        copies = self.disk.copies(agent, f"-{platform}")
        return sorted(
            {name.partition("-py")[0] for name, folder in copies.items() if verification.verified_releases(folder)}
        )

    async def fetch(self, artifact: Artifact) -> StoredArtifact:
        """Return the stored copy, and download it first if missing. Concurrent tasks and processes download it once.

        The copy is not removed before this process ends.
        """
        hit = await in_worker(lambda stop: self.acquire(artifact))
        if hit is not None:
            return hit
        key = (self.root, artifact)
        return await _fetches.get(key, lambda: in_worker(functools.partial(self._fetch, artifact)))

    def _fetch(self, artifact: Artifact, stop: threading.Event) -> StoredArtifact:
        what = f"{artifact.agent} {artifact.version} for {artifact.platform}"
        with self.disk.errors(what), self.disk.locked(artifact.name, stop):
            hit = self.acquire(artifact)
            if hit is not None:
                return hit
            self.disk.sweep(artifact.name)
            folder = self.disk.folder(artifact.folder)
            with self.disk.scratch(artifact.name) as scratch:
                unpacked = scratch / "unpacked"
                releases = self._fill(artifact, unpacked / "package", scratch, stop)
                _make_executable(unpacked / artifact.member, releases[0])
                verification.write(unpacked, releases)
                self.disk.put(unpacked, folder, scratch)
            stored = self.acquire(artifact)
            if stored is None:
                raise AgentInstallError(f"Another process changed {folder} during the installation.")
            pin = Pins.load().pins.get(artifact.agent)
            spared = {artifact.version, pin.version if pin else artifact.version}
            self.disk.remove_old(artifact.agent, artifact.suffix, spared)
            return replace(stored, source="download")

    def _fill(self, artifact: Artifact, folder: Path, scratch: Path, stop: threading.Event) -> list[Release]:
        """Download and unpack an artifact's packages, and return their releases, the main package first."""
        config: Downloads
        if artifact.release.file is None and artifact.target is None:
            registry = self.registry()
            config, hint = registry.config, REGISTRY_HINT
            releases = [registry.completed(one, stop) for one in (artifact.release, *artifact.parts)]
        else:
            config, hint = PipConfig.load(), INDEX_HINT
            releases = _wheels(config, artifact, stop)
        downloads = scratch / "downloads"
        downloads.mkdir()
        title = f"{artifact.agent} {artifact.version}"
        files = download(config, releases, downloads, title, hint, stop)
        for release, file in zip(releases, files, strict=True):
            unpack(file, _place(release, releases[0], folder), stop, artifact.keep, artifact.drop)
        if artifact.inside is not None:
            unpack_inside(folder / artifact.inside.executable, artifact.inside.tarball, scratch, stop)
        return releases


def _wheels(config: PipConfig, artifact: Artifact, stop: threading.Event) -> list[Release]:
    with PyPIIndex(config, stop) as index:
        if artifact.release.integrity is not None:
            return located(index, [artifact.release, *artifact.parts])
        assert artifact.target is not None and artifact.recipe is not None
        return resolved(index, artifact.recipe, artifact.version, artifact.target, stop)


def _matches(stored: Release, release: Release) -> bool:
    same = (stored.package, stored.version) == (release.package, release.version)
    return same and release.integrity in (None, stored.integrity)


def _parts_match(stored: Sequence[Release], parts: Sequence[Release]) -> bool:
    return not parts or {part.integrity for part in stored} == {part.integrity for part in parts}


def _place(release: Release, own: Release, folder: Path) -> Path:
    """Return the folder to unpack a package into: wheels share one, npm parts go into `node_modules`."""
    return folder if release.file or release is own else folder / "node_modules" / release.package


def _make_executable(binary: Path, release: Release) -> None:
    if not binary.is_file():
        raise AgentInstallError(
            f"{release.package} {release.version} has no {binary.name} at the path of earlier versions.",
            hint='use the version "stable".',
        )
    binary.chmod(binary.stat().st_mode | 0o755)
