"""CLIs from PyPI: sets of wheels that the sandbox's Python runs."""

from __future__ import annotations

import functools
import threading
from pathlib import Path

from packaging.specifiers import SpecifierSet

from inspect_swe._errors import UnknownVersionError

from ..npm.registry import Release
from ..pins import Pins
from ..recipes import PythonPackage
from .config import PipConfig
from .index import INDEX_HINT, PyPIIndex
from .lock import LOCKS_FOLDER, Lock
from .resolver import resolve_wheels
from .tags import Target, allowed


def newest_version(package: str, stop: threading.Event) -> str:
    """Return the newest version of a package. Blocks.

    Raises:
        UnknownVersionError: The index has no wheel of the package.
    """
    with PyPIIndex(PipConfig.load(), stop) as index:
        versions = [file.version for file in allowed(index.files(package), SpecifierSet())]
    if not versions:
        raise UnknownVersionError(f"The Python package index has no wheel of {package}.", hint=INDEX_HINT)
    return str(max(versions))


def locked_wheels(agent: str, recipe: PythonPackage, version: str, target: Target) -> tuple[Release, ...] | None:
    """Return the wheels of a pinned version, the package's own first, or None if the version isn't pinned."""
    pin = Pins.load().pins.get(agent)
    if pin is None or pin.version != version:
        return None
    releases = _lock(LOCKS_FOLDER / f"{agent}.json").select(target)
    return tuple(sorted(releases, key=lambda release: release.package != recipe.package))


def resolved(
    index: PyPIIndex, recipe: PythonPackage, version: str, target: Target, stop: threading.Event
) -> list[Release]:
    """Resolve the wheels of a version without a lock, and return them, the package's own first. Blocks."""
    releases = resolve_wheels(index, [f"{recipe.package}=={version}"], target, recipe.exclude, stop)
    return sorted(releases, key=lambda release: release.package != recipe.package)


@functools.cache
def _lock(file: Path) -> Lock:
    return Lock.load(file)
