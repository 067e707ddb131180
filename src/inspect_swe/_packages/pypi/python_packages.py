"""CLIs from PyPI: a set of wheels that the sandbox's own Python runs."""

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
    """The newest version of a package. Blocks."""
    with PyPIIndex(PipConfig.load(), stop) as index:
        versions = [file.version for file in allowed(index.files(package), SpecifierSet())]
    if not versions:
        raise UnknownVersionError(f"The Python package index has no wheel of {package}.", hint=INDEX_HINT)
    return str(max(versions))


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


@functools.cache
def _lock(file: Path) -> Lock:
    return Lock.load(file)
