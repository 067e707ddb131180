"""The checks of `inspect-swe doctor`."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version
from rich.filesize import decimal

from .._agents import PluginAgent, all_plugins
from .._cli_inventory import RECIPES, TOOLS, stored
from .._errors import AgentError, RegistryError
from .._folders import CACHE_VARIABLE, cache_folder
from .._packages.pins import Pins
from .._packages.platforms import SandboxPlatform
from .._packages.pypi.config import PipConfig
from .._packages.pypi.index import PyPIIndex
from .._packages.recipes import NpmPackage, PythonPackage
from .._sandbox.transports.docker import engine
from .._store.store import ArtifactStore
from .._version import __version__
from ._shared import platforms_of

_OLDEST_ENGINE = Version("24.0.6")
_OLDEST_COMPOSE = Version("2.21")
_SECONDS = 20
_LITTLE, _TOO_LITTLE = 5 * 10**9, 10**9

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Args:
        name: Subject of the check.
        status: "ok", "warn" (an eval would run, with restrictions) or "fail".
        text: Result.
        hint: Advice.
    """

    name: str
    status: Status
    text: str
    hint: str = ""


def examine() -> list[Finding]:
    """Check everything that an eval needs, in the order in which it is needed. Blocks."""
    (here,) = platforms_of(None)
    try:
        missing = _missing(here)
    except AgentError as error:
        return [*_versions(), *_docker(), Finding("Store", "fail", error.summary, error.hint or "")]
    return [
        *_versions(),
        *_docker(),
        _cache_folder(),
        _disk(),
        _npm(here, needed=any(not _is_wheel(name, here) for name in missing)),
        _pypi(needed=any(_is_wheel(name, here) for name in missing)),
        *_pinned(here, missing),
        *_plugins(),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")
    yield Finding("inspect_swe", "ok", __version__)
    required = next(
        requirement.specifier
        for requirement in map(Requirement, metadata.requires("inspect_swe") or ())
        if requirement.name in ("inspect_ai", "inspect-ai")
    )
    installed = metadata.version("inspect_ai")
    status: Status = "ok" if required.contains(installed, prereleases=True) else "fail"
    yield Finding("Inspect AI", status, f"{installed} (required: {required})", "pip install --upgrade inspect_ai")


def _docker() -> Iterator[Finding]:
    output = _output_of("docker", "version", "--format", "{{.Server.Version}}")
    only = 'only for sandbox="docker"'
    hint = f"start a Docker engine, or select one with DOCKER_HOST or `docker context use` ({only})."
    yield _at_least("Docker engine", output, _OLDEST_ENGINE, hint)
    output = _output_of("docker", "compose", "version", "--short")
    yield _at_least(
        "docker compose",
        output,
        _OLDEST_COMPOSE,
        f"install Docker's compose plugin, {_OLDEST_COMPOSE} or newer ({only}).",
    )
    if engine() is not None:
        yield Finding("Docker's API", "ok", "responds")
    else:
        yield Finding(
            "Docker's API", "warn", "does not respond; the slower docker commands are used instead", "set DOCKER_HOST."
        )


def _at_least(name: str, answer: tuple[bool, str], oldest: Version, hint: str) -> Finding:
    answered, text = answer
    if not answered:
        return Finding(name, "fail", text, hint)
    try:
        new_enough = Version(text.removeprefix("v").partition("-")[0]) >= oldest
    except InvalidVersion:
        return Finding(name, "warn", f"{text!r} is not a version ({oldest} or newer is required)", hint)
    return Finding(name, "ok" if new_enough else "fail", f"{text} (required: {oldest} or newer)", hint)


def _output_of(*command: str) -> tuple[bool, str]:
    """Run a command, and return whether it succeeded, with its output or the last line of its error output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except FileNotFoundError:
        return False, f"`{command[0]}` is not on PATH"
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    output = done.stdout.strip() if done.returncode == 0 else ""
    return (True, output) if output else (False, (done.stderr.strip().splitlines() or ["no output"])[-1])


def _cache_folder() -> Finding:
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root):
            pass
    except OSError as error:
        hint = f"set {CACHE_VARIABLE} to a writable folder."
        return Finding("Store", "fail", f"{root} is not writable: {error.strerror or error}", hint)
    return Finding("Store", "ok", str(root))


def _disk() -> Finding:
    folder = ArtifactStore().root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    status: Status = "ok" if free >= _LITTLE else "warn" if free >= _TOO_LITTLE else "fail"
    hint = f"free space (`inspect-swe remove`), or set {CACHE_VARIABLE} to a folder on another disk."
    return Finding("Disk", status, f"{decimal(free)} free", hint)


def _npm(here: SandboxPlatform, needed: bool) -> Finding:
    name = next(key for key, recipe in RECIPES.items() if isinstance(recipe, NpmPackage))
    pinned = Pins.load().pin(name).release(here)
    registry = ArtifactStore().registry()
    url = registry.config.registry_for(pinned.package)

    def ask() -> Finding:
        integrity = registry.resolve(pinned.package, pinned.version).integrity
        if integrity != pinned.integrity:
            text = f"{url} has a different digest for {pinned.package} {pinned.version} than the pinned one"
            return Finding("npm registry", "fail", text, "see `inspect-swe pins verify`.")
        return Finding("npm registry", "ok", f"{url} responds")

    return _query("npm registry", ask, needed)


def _pypi(needed: bool) -> Finding:
    package = next(recipe.package for recipe in RECIPES.values() if isinstance(recipe, PythonPackage))

    def ask() -> Finding:
        with PyPIIndex(PipConfig.load()) as index:
            place = index.config.shown_indexes
            if index.files(package):
                return Finding("Python package index", "ok", f"{place} responds")
        raise RegistryError(f"{place} has no package {package}.", hint="set `index-url` in your pip.conf.")

    return _query("Python package index", ask, needed)


def _query(name: str, ask: Callable[[], Finding], needed: bool) -> Finding:
    try:
        return ask()
    except AgentError as error:
        text = error.summary if needed else f"{error.summary} All pinned programs are in the store."
        return Finding(name, "fail" if needed else "warn", text, error.hint or "")


def _pinned(here: SandboxPlatform, missing: list[str]) -> Iterator[Finding]:
    for name, pin in Pins.load().pins.items():
        there = "will be downloaded when needed" if name in missing else "in the store"
        yield Finding(name, "ok", f"{pin.version} for {here}: {there}")


def _plugins() -> Iterator[Finding]:
    for plugin in all_plugins():
        if isinstance(plugin, PluginAgent):
            yield Finding(plugin.name, "ok", f"agent of {plugin.package}")
        else:
            yield Finding("Agents of other packages", "warn", plugin.summary, plugin.hint or "")


def _missing(here: SandboxPlatform) -> list[str]:
    """Return the names of pinned programs that the store lacks."""
    pins, store = Pins.load().pins, ArtifactStore()
    artifacts = [each.artifact for each in stored([*RECIPES, *TOOLS], store)]
    available = {(each.agent, each.version) for each in artifacts if each.platform == here}
    return [name for name, pin in pins.items() if (name, pin.version) not in available]


def _is_wheel(name: str, here: SandboxPlatform) -> bool:
    """Return whether a program comes from the Python package index."""
    releases = Pins.load().pin(name).releases
    return here not in releases or releases[here].file is not None
