"""The artifact store: verified CLI packages on disk, fetched once for all tasks and processes of a host."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from uuid import uuid4

import platformdirs
from filelock import FileLock, Timeout

from inspect_swe._errors import AgentInstallError

from . import sidecar
from .download import Abandoned, download, unpack
from .flight import SingleFlight, in_worker
from .lock import located
from .npm_config import NpmConfig
from .pip_config import PipConfig
from .platforms import SandboxPlatform
from .pypi import PyPIIndex
from .python_packages import fill, resolved
from .recipes import PythonPackage
from .registries import NpmRegistry, Release
from .wheels import Target

CACHE_VARIABLE = "INSPECT_SWE_CACHE_DIR"

_LOCK_POLL = 0.1

# Shared by all stores of the process: its keys name the store's folder.
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
        keep: What to unpack, by the beginnings of paths below `package/`; empty means all.
        wheels: What belongs to it besides `release`, if it is a Python package; empty means what it turns out to need.
        target: The Python that it is for, if it is a Python package.
        recipe: Says what it needs, if it is a Python package.
    """

    agent: str
    version: str
    platform: SandboxPlatform
    release: Release
    member: str
    keep: tuple[str, ...] = ()
    wheels: tuple[Release, ...] = ()
    target: Target | None = None
    recipe: PythonPackage | None = None

    @property
    def folder(self) -> str:
        """Its folder below the store's `artifacts`."""
        python = f"-py{self.target.minor}" if self.target else ""
        return f"{self.agent}/{self.version}{python}-{self.platform}"

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

    Args:
        root: The folder (default: `INSPECT_SWE_CACHE_DIR`, or else the user's cache folder).
        registry: Where packages come from (default: as npm is configured, read when one is needed).
    """

    def __init__(self, root: Path | None = None, registry: NpmRegistry | None = None) -> None:
        default = os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("inspect_swe")
        self.root = Path(root or default).expanduser().absolute()
        self._registry = registry

    def registry(self) -> NpmRegistry:
        """The npm registry that packages come from. Reads npm's configuration, so call it in a worker thread."""
        return self._registry or NpmRegistry(NpmConfig.load())

    def cached(self, artifact: Artifact) -> StoredArtifact | None:
        """The stored copy, if there is one and it is intact. Takes one stat per file."""
        folder = self._folder(artifact)
        verified = sidecar.verified_releases(folder)
        if not verified or not _is(verified[0], artifact.release) or not _are(verified[1:], artifact.wheels):
            return None
        release = verified[0]
        stored = StoredArtifact(
            folder / "package", folder / artifact.member, replace(artifact, release=release), "cache"
        )
        return stored if stored.binary.is_file() else None

    def versions(self, agent: str, platform: SandboxPlatform) -> list[str]:
        """The versions of an agent's CLI that are stored for a platform and intact."""
        suffix = f"-{platform}"
        folders = (self.root / "artifacts" / agent).glob(f"*{suffix}")
        found = sorted(
            {folder.name[: -len(suffix)].partition("-py")[0] for folder in folders if sidecar.verified_releases(folder)}
        )
        return found

    async def fetch(self, artifact: Artifact) -> StoredArtifact:
        """The stored copy, downloaded first if need be: once, however many tasks and processes ask."""
        hit = await in_worker(lambda stop: self.cached(artifact))
        if hit is not None:
            return hit
        key = (self.root, artifact)
        return await _fetches.get(key, lambda: in_worker(functools.partial(self._fetch, artifact)))

    def _fetch(self, artifact: Artifact, stop: threading.Event) -> StoredArtifact:
        with self._disk_errors(artifact), self._locked(artifact.name, stop):
            hit = self.cached(artifact)
            if hit is not None:
                return hit
            self._sweep(artifact.name)
            with self._scratch(artifact.name) as scratch:
                unpacked = scratch / "unpacked"
                unpacked.mkdir()
                if artifact.release.file is None and artifact.target is None:
                    releases = [self._fill_from_npm(artifact, unpacked, stop)]
                else:
                    releases = self._fill_with_wheels(artifact, unpacked / "package", stop)
                _make_executable(unpacked / artifact.member, releases[0])
                sidecar.write(unpacked, releases)
                self._put(unpacked, self._folder(artifact), scratch)
            stored = self.cached(artifact)
            if stored is None:
                raise AgentInstallError(f"{self._folder(artifact)} was changed by someone else while it was installed.")
            return replace(stored, source="download")

    def _fill_from_npm(self, artifact: Artifact, unpacked: Path, stop: threading.Event) -> Release:
        registry = self.registry()
        release = registry.completed(artifact.release)
        tarball = unpacked.parent / f"{artifact.name}.tgz"
        download(registry.config, release, tarball, stop)
        unpack(tarball, unpacked, stop)
        return release

    def _fill_with_wheels(self, artifact: Artifact, folder: Path, stop: threading.Event) -> list[Release]:
        wheels, target = [artifact.release, *artifact.wheels], artifact.target
        with PyPIIndex(PipConfig.load(), stop) as index:
            if artifact.release.integrity is not None:
                found = located(index, wheels)
            else:
                assert target is not None and artifact.recipe is not None
                found = resolved(index, artifact.recipe, artifact.version, target, stop)
            title = f"{artifact.agent} {artifact.version}"
            fill(index.config, found, folder, title, artifact.keep, stop)
        return found

    def _folder(self, artifact: Artifact) -> Path:
        return self.root / "artifacts" / artifact.folder

    def _put(self, unpacked: Path, folder: Path, scratch: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            # A damaged copy goes into the scratch folder, to be removed with it.
            folder.rename(scratch / "damaged")
        unpacked.rename(folder)
        sidecar.sync(folder.parent)

    @contextlib.contextmanager
    def _scratch(self, name: str) -> Iterator[Path]:
        scratch = self.root / "tmp" / f"{name}.{uuid4().hex}"
        scratch.mkdir(parents=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _sweep(self, locked: str) -> None:
        """Remove what killed processes left behind: whoever holds an artifact's lock owns its temporary folders."""
        for stale in self.root.glob("tmp/*"):
            owner = stale.name.rpartition(".")[0]
            if owner == locked:
                shutil.rmtree(stale, ignore_errors=True)
                continue
            with contextlib.suppress(Timeout), self._lock(owner).acquire(blocking=False):
                shutil.rmtree(stale, ignore_errors=True)

    def _lock(self, name: str) -> FileLock:
        # Not a singleton: threads of one process exclude each other like processes do.
        return FileLock(self.root / "locks" / f"{name}.lock", is_singleton=False)

    @contextlib.contextmanager
    def _locked(self, name: str, stop: threading.Event) -> Iterator[None]:
        (self.root / "locks").mkdir(parents=True, exist_ok=True)
        lock = self._lock(name)
        while not stop.is_set():
            with contextlib.suppress(Timeout):
                lock.acquire(blocking=False)
                break
            stop.wait(_LOCK_POLL)
        else:
            raise Abandoned
        try:
            yield
        finally:
            lock.release()

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


def _is(release: Release, wanted: Release) -> bool:
    same = (release.package, release.version) == (wanted.package, wanted.version)
    return same and wanted.integrity in (None, release.integrity)


def _are(wheels: Sequence[Release], wanted: Sequence[Release]) -> bool:
    return not wanted or {wheel.integrity for wheel in wheels} == {wheel.integrity for wheel in wanted}


def _make_executable(binary: Path, release: Release) -> None:
    if not binary.is_file():
        raise AgentInstallError(
            f"{release.package} {release.version} has no {binary.name} where earlier versions have it.",
            hint='use the version "stable".',
        )
    binary.chmod(binary.stat().st_mode | 0o755)
