"""The artifact store: verified CLI packages on disk, fetched once for all tasks and processes of a host."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from inspect_swe._errors import AgentInstallError
from inspect_swe._folders import CACHE_VARIABLE, cache_folder

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
from . import verification as sidecar
from .layout import Disk
from .single_flight import SingleFlight, in_worker
from .usage_locks import Holds

# Shared by all stores of the process: keys name the store's folder.
_holds = Holds()
_fetches: SingleFlight[StoredArtifact] = SingleFlight("inspect_swe_fetches")


@dataclass(frozen=True)
class Artifact:
    """One version of an agent's CLI for one platform.

    Args:
        agent: The agent's key.
        version: The CLI's version.
        platform: What it runs on.
        release: The release with it. Without a digest, any verified copy of that release will do.
        member: Path of the executable in the package (`package/...`).
        keep: What to unpack of each package, by the beginnings of paths in it; empty means all.
        drop: What not to unpack, by the ends of paths.
        parts: What belongs to it besides `release`: wheels in the same folder, or npm packages where Node.js looks for
            them. Of a Python package, empty means what it turns out to need.
        target: The Python that it is for, if it is a Python package.
        recipe: Says what it needs, if it is a Python package.
        inside: The executable that its files lie in, if they do.
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
        """How its folder's name ends, after the version: what it is for."""
        python = f"-py{self.target.minor}" if self.target else ""
        return f"{python}-{self.platform}"

    @property
    def folder(self) -> str:
        """Its folder below the store's `artifacts`."""
        return f"{self.agent}/{self.version}{self.suffix}"

    @property
    def name(self) -> str:
        """Its name among locks and temporary folders."""
        return self.folder.replace("/", "-")


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact on disk, complete and verified.

    Args:
        path: The unpacked package.
        binary: The executable in it.
        artifact: What it is, with the digest that was verified.
        source: Whether it had to be downloaded just now.
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
    """A folder with verified packages. Copies are trusted by their files' size and time, not read again.

    Of each kind the five versions used last are kept, for each platform and Python; the pinned one stays, and so does
    what a process has fetched, until it ends.

    Args:
        root: The folder (default: `INSPECT_SWE_CACHE_DIR`, or else the user's cache folder).
        registry: Where packages come from (default: as npm is configured, read when one is needed).
    """

    def __init__(self, root: Path | None = None, registry: NpmRegistry | None = None) -> None:
        self.root = cache_folder() if root is None else root.absolute()
        self.disk = Disk(self.root)
        self._registry = registry

    def registry(self) -> NpmRegistry:
        """The npm registry that packages come from. Reads npm's configuration, so call it in a worker thread."""
        return self._registry or NpmRegistry(NpmConfig.load())

    def cached(self, artifact: Artifact) -> StoredArtifact | None:
        """The stored copy, if there is one and it is intact. Takes one stat per file."""
        folder = self.disk.folder(artifact.folder)
        verified = sidecar.verified_releases(folder)
        if not verified or not _is(verified[0], artifact.release) or not _are(verified[1:], artifact.parts):
            return None
        release = verified[0]
        stored = StoredArtifact(
            folder / "package", folder / artifact.member, replace(artifact, release=release), "cache"
        )
        return stored if stored.binary.is_file() else None

    def hold(self, artifact: Artifact) -> StoredArtifact | None:
        """The stored copy as `cached` tells it, which nobody removes before this process ends."""
        folder = self.disk.folder(artifact.folder)
        if not _holds.take(folder / sidecar.NAME):
            return None
        stored = self.cached(artifact)
        if stored is not None:
            sidecar.mark_used(folder)
        return stored

    def remove(self, folder: str) -> bool:
        """Remove what is stored in a folder below `artifacts`, intact or not; not if a process uses or makes it.

        Returns:
            Whether it was removed.
        """
        return self.disk.remove(self.disk.folder(folder), unknown=True)

    def versions(self, agent: str, platform: SandboxPlatform) -> list[str]:
        """The versions of an agent's CLI that are stored for a platform and intact."""
        copies = self.disk.copies(agent, f"-{platform}")
        return sorted(
            {name.partition("-py")[0] for name, folder in copies.items() if sidecar.verified_releases(folder)}
        )

    async def fetch(self, artifact: Artifact) -> StoredArtifact:
        """The stored copy, downloaded first if need be: once, however many tasks and processes ask.

        Nobody removes it before this process ends.
        """
        hit = await in_worker(lambda stop: self.hold(artifact))
        if hit is not None:
            return hit
        key = (self.root, artifact)
        return await _fetches.get(key, lambda: in_worker(functools.partial(self._fetch, artifact)))

    def _fetch(self, artifact: Artifact, stop: threading.Event) -> StoredArtifact:
        with self._disk_errors(artifact), self.disk.locked(artifact.name, stop):
            hit = self.hold(artifact)
            if hit is not None:
                return hit
            self.disk.sweep(artifact.name)
            folder = self.disk.folder(artifact.folder)
            with self.disk.scratch(artifact.name) as scratch:
                unpacked = scratch / "unpacked"
                releases = self._fill(artifact, unpacked / "package", scratch, stop)
                _make_executable(unpacked / artifact.member, releases[0])
                sidecar.write(unpacked, releases)
                self.disk.put(unpacked, folder, scratch)
            stored = self.hold(artifact)
            if stored is None:
                raise AgentInstallError(f"{folder} was changed by someone else while it was installed.")
            pin = Pins.load().pins.get(artifact.agent)
            spared = {artifact.version, pin.version if pin else artifact.version}
            self.disk.remove_old(artifact.agent, artifact.suffix, spared)
            return replace(stored, source="download")

    def _fill(self, artifact: Artifact, folder: Path, scratch: Path, stop: threading.Event) -> list[Release]:
        """Download and unpack what belongs to an artifact; says what that was, its own package first."""
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

    @contextlib.contextmanager
    def _disk_errors(self, artifact: Artifact) -> Iterator[None]:
        what = f"{artifact.agent} {artifact.version} for {artifact.platform}"
        try:
            yield
        except OSError as error:
            raise AgentInstallError(
                f"{what} can't be stored in {self.root}: {error}.",
                hint=f"set {CACHE_VARIABLE} to a folder that you may write to and that has room.",
            ) from error


def _wheels(config: PipConfig, artifact: Artifact, stop: threading.Event) -> list[Release]:
    with PyPIIndex(config, stop) as index:
        if artifact.release.integrity is not None:
            return located(index, [artifact.release, *artifact.parts])
        assert artifact.target is not None and artifact.recipe is not None
        return resolved(index, artifact.recipe, artifact.version, artifact.target, stop)


def _is(release: Release, wanted: Release) -> bool:
    same = (release.package, release.version) == (wanted.package, wanted.version)
    return same and wanted.integrity in (None, release.integrity)


def _are(parts: Sequence[Release], wanted: Sequence[Release]) -> bool:
    return not wanted or {part.integrity for part in parts} == {part.integrity for part in wanted}


def _place(release: Release, own: Release, folder: Path) -> Path:
    """Where a package is unpacked: wheels share a folder, and npm packages lie below the one that requires them."""
    return folder if release.file or release is own else folder / "node_modules" / release.package


def _make_executable(binary: Path, release: Release) -> None:
    if not binary.is_file():
        raise AgentInstallError(
            f"{release.package} {release.version} has no {binary.name} where earlier versions have it.",
            hint='use the version "stable".',
        )
    binary.chmod(binary.stat().st_mode | 0o755)
