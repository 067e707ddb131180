"""What a sandbox can run: the tags of wheels and the markers of requirements, for a Python that isn't this one."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

from ..platforms import SandboxPlatform
from .index import IndexFile

# Debian 10, RHEL 8 and all that is younger have at least these.
GLIBC = (2, 28)
MUSL = (1, 2)

_MACHINES = {"x64": "x86_64", "arm64": "aarch64"}
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Target:
    """What wheels are for.

    Args:
        platform: The sandbox's platform.
        python: The version of its CPython, such as `3.11` or `3.11.2`.
        glibc: The version of its C library, where that is glibc.
        musl: The version of its C library, where that is musl.
    """

    platform: SandboxPlatform
    python: str
    glibc: tuple[int, int] = GLIBC
    musl: tuple[int, int] = MUSL

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"

    @property
    def minor(self) -> str:
        """The version of Python without its third number."""
        return ".".join(self.python.split(".")[:2])

    @functools.cached_property
    def environment(self) -> dict[str, str]:
        """The values of markers."""
        return marker_environment(self.platform, self.python)

    def rank(self, file: IndexFile) -> int | None:
        """How well a wheel fits, the best is 0; None if it doesn't."""
        ranks = _ranks(self.platform, self.python, self.glibc, self.musl)
        return min((ranks[tag] for tag in file.tags if tag in ranks), default=None)

    def runs(self, requires_python: str | None) -> bool:
        """Whether its Python is one that a wheel says it needs. What can't be read excludes nothing, as in pip."""
        try:
            return SpecifierSet(requires_python or "").contains(self.environment["python_full_version"], True)
        except InvalidSpecifier:
            return True

    def best(self, files: Iterable[IndexFile]) -> list[IndexFile]:
        """The wheels that fit, one of each version, newest first."""
        fitting = ((self.rank(file), file) for file in files if self.runs(file.requires_python))
        ranked = [(file.version, -rank, file) for rank, file in fitting if rank is not None]
        ranked.sort(key=lambda entry: (entry[0], entry[1], entry[2].filename), reverse=True)
        return [next(group)[2] for _, group in groupby(ranked, key=lambda entry: entry[0])]


@functools.lru_cache(maxsize=64)
def _ranks(platform: SandboxPlatform, python: str, glibc: tuple[int, int], musl: tuple[int, int]) -> Mapping[Tag, int]:
    tags = wheel_tags(platform, python, glibc, musl)
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def wheel_tags(
    platform: SandboxPlatform, python: str, glibc: tuple[int, int] = GLIBC, musl: tuple[int, int] = MUSL
) -> list[Tag]:
    """The tags of the wheels that run there, the best first.

    Args:
        platform: The sandbox's platform.
        python: The version of its CPython.
        glibc: The version of its C library, where that is glibc.
        musl: The version of its C library, where that is musl.
    """
    version = Version(python)
    interpreter = f"cp{version.major}{version.minor}"
    machine = _machine(platform)
    libraries = _musllinux(machine, musl) if _is_musl(platform) else _manylinux(machine, glibc)
    platforms = [*libraries, f"linux_{machine}"]
    release = (version.major, version.minor)
    return [
        *cpython_tags(release, [interpreter], platforms),
        *compatible_tags(release, interpreter, platforms),
    ]


def marker_environment(platform: SandboxPlatform, python: str) -> dict[str, str]:
    """The values of the markers in requirements.

    Args:
        platform: The sandbox's platform.
        python: The version of its CPython; without a third number, the first such version is meant.
    """
    version = Version(python)
    full = f"{version.major}.{version.minor}.{version.micro}"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": _machine(platform),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": f"{version.major}.{version.minor}",
        "sys_platform": "linux",
    }


def allowed(files: Iterable[IndexFile], specifiers: SpecifierSet) -> list[IndexFile]:
    """The files with a version that is allowed, in their order.

    Pre-releases count only if nothing else does, and withdrawn versions only if they are named exactly.
    """
    matching = [file for file in files if specifiers.contains(file.version, prereleases=True)]
    if not any(specifier.operator in ("==", "===") for specifier in specifiers):
        matching = [file for file in matching if not file.yanked]
    finals = [file for file in matching if not file.version.is_prerelease]
    return matching if specifiers.prereleases else finals or matching


def _machine(platform: SandboxPlatform) -> str:
    return _MACHINES[platform.split("-")[1]]


def _is_musl(platform: SandboxPlatform) -> bool:
    return platform.endswith("-musl")


def _manylinux(machine: str, glibc: tuple[int, int]) -> Iterator[str]:
    for minor in range(glibc[1], _OLDEST_GLIBC[machine] - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _OLD_NAMES:
            yield f"{_OLD_NAMES[minor]}_{machine}"


def _musllinux(machine: str, musl: tuple[int, int]) -> Iterator[str]:
    for minor in range(musl[1], -1, -1):
        yield f"musllinux_1_{minor}_{machine}"
