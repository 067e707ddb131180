"""CLIs from PyPI: a set of wheels that the sandbox's own Python runs."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path

from packaging.specifiers import SpecifierSet

from inspect_swe._errors import UnknownVersionError

from .lock import LOCKS_FOLDER, Lock
from .pins import Pins
from .pip_config import PipConfig
from .pypi import INDEX_HINT, PyPIIndex
from .recipes import PythonPackage
from .registries import Release
from .resolver import resolve_wheels
from .site_tree import download_wheels, unpack_wheels
from .wheels import Target, allowed

# What "latest" turned out to be: for the life of the process, so that all samples of an eval run the same version.
_latest: dict[str, str] = {}
_latest_lock = threading.Lock()


def newest_version(package: str, stop: threading.Event) -> str:
    """The newest version of a package. Blocks; asks the index once in the life of the process."""
    with _latest_lock:
        if package not in _latest:
            with PyPIIndex(PipConfig.load(), stop) as index:
                versions = [file.version for file in allowed(index.files(package), SpecifierSet())]
            if not versions:
                raise UnknownVersionError(f"The Python package index has no wheel of {package}.", hint=INDEX_HINT)
            _latest[package] = str(max(versions))
        return _latest[package]


def locked_wheels(agent: str, recipe: PythonPackage, version: str, target: Target) -> tuple[Release, ...] | None:
    """The wheels of a pinned version, its own the first; None if the version isn't the pinned one."""
    pin = Pins.load().pins.get(agent)
    if pin is None or pin.version != version:
        return None
    releases = _lock(LOCKS_FOLDER / f"{agent}.json").select(target)
    return tuple(sorted(releases, key=lambda release: release.package != recipe.package))


def resolved(
    index: PyPIIndex, recipe: PythonPackage, version: str, target: Target, stop: threading.Event
) -> list[Release]:
    """The wheels of a version that no lock knows, its own the first. Blocks."""
    found = resolve_wheels(index, [f"{recipe.package}=={version}"], target, recipe.exclude, stop)
    return sorted(found, key=lambda wheel: wheel.package != recipe.package)


def fill(
    config: PipConfig,
    releases: Sequence[Release],
    folder: Path,
    title: str,
    keep: tuple[str, ...],
    stop: threading.Event,
) -> None:
    """Put wheels into a folder, verified and unpacked. Blocks.

    Args:
        config: Where credentials and proxies come from.
        releases: The wheels, with URLs and digests.
        folder: The folder.
        title: What to call it all while it goes on.
        keep: What is kept of them, by the beginnings of paths; empty means all.
        stop: When set, give up.
    """
    downloads = folder.parent.parent / "wheels"
    downloads.mkdir()
    unpack_wheels(download_wheels(config, releases, downloads, title, stop), folder, stop)
    for file in [path for path in folder.rglob("*") if path.is_file()] if keep else []:
        if not file.relative_to(folder).as_posix().startswith(keep):
            file.unlink()


@functools.cache
def _lock(file: Path) -> Lock:
    return Lock.load(file)
