"""Wheel tags and requirement markers of a sandbox's Python, independent of the host's."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

from ..platforms import MACHINES, SandboxPlatform
from .index import IndexFile

# Debian 10, RHEL 8 and Alpine 3.13, and all later ones, have at least glibc 2.28 or musl 1.2.
GLIBC = (2, 28)
_MUSL_MINOR = 2
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Target:
    """The platform and Python of a sandbox, for choosing wheels.

    Args:
        platform: The sandbox's platform.
        python: Version of its CPython, such as `3.11` or `3.11.2`.
        glibc: Version of glibc, if that is its C library.
    """

    platform: SandboxPlatform
    python: str
    glibc: tuple[int, int] = GLIBC

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"

    @property
    def minor(self) -> str:
        """The Python version without the micro version."""
        return ".".join(self.python.split(".")[:2])

    @property
    def machine(self) -> str:
        """The CPU's name in wheel tags and markers."""
        return MACHINES[self.platform.split("-")[1]]

    @functools.cached_property
    def environment(self) -> dict[str, str]:
        """The values of environment markers. A missing micro version counts as 0."""
        full = ".".join(map(str, (*Version(self.python).release, 0)[:3]))
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": self.minor,
            "sys_platform": "linux",
        }

    def rank(self, file: IndexFile) -> int | None:
        """Return a wheel's rank, where 0 is the best match, or None if the wheel does not run on the target."""
        ranks = _ranks(self)
        return min((ranks[tag] for tag in file.tags if tag in ranks), default=None)

    def runs(self, requires_python: str | None) -> bool:
        """Return whether the target's Python satisfies `requires_python`. Invalid specifiers are ignored, as in pip."""
        try:
            return SpecifierSet(requires_python or "").contains(self.environment["python_full_version"], True)
        except InvalidSpecifier:
            return True

    def best(self, files: Iterable[IndexFile]) -> list[IndexFile]:
        """Return the best wheel of each version that runs on the target, newest version first."""
        fitting = ((self.rank(file), file) for file in files if self.runs(file.requires_python))
        ranked = [(file.version, -rank, file) for rank, file in fitting if rank is not None]
        ranked.sort(key=lambda entry: (entry[0], entry[1], entry[2].filename), reverse=True)
        return [next(group)[2] for _, group in groupby(ranked, key=lambda entry: entry[0])]


@functools.lru_cache(maxsize=64)
def _ranks(target: Target) -> Mapping[Tag, int]:
    """Return the tags of wheels that run on a target, with their ranks."""
    release = Version(target.python).release[:2]
    interpreter = "cp" + "".join(map(str, release))
    platforms = [*_platform_tags(target), f"linux_{target.machine}"]
    tags = [
        *cpython_tags(release, [interpreter], platforms),
        *compatible_tags(release, interpreter, platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def _platform_tags(target: Target) -> Iterator[str]:
    if target.platform.endswith("-musl"):
        for minor in range(_MUSL_MINOR, -1, -1):
            yield f"musllinux_1_{minor}_{target.machine}"
        return
    for minor in range(target.glibc[1], _OLDEST_GLIBC_MINOR[target.machine] - 1, -1):
        yield f"manylinux_2_{minor}_{target.machine}"
        if minor in _OLD_NAMES:
            yield f"{_OLD_NAMES[minor]}_{target.machine}"


def allowed(files: Iterable[IndexFile], specifiers: SpecifierSet) -> list[IndexFile]:
    """Return the files whose version matches the specifiers, in the given order.

    Pre-releases are included only if the specifiers name them or nothing else matches. Withdrawn versions are included
    only if a specifier names a version exactly.
    """
    matching = [file for file in files if specifiers.contains(file.version, prereleases=True)]
    if not any(specifier.operator in ("==", "===") for specifier in specifiers):
        matching = [file for file in matching if not file.yanked]
    finals = [file for file in matching if not file.version.is_prerelease]
    return matching if specifiers.prereleases else finals or matching
