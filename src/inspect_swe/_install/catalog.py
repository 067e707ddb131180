"""From the version that a user asks for to a verified CLI on disk."""

from __future__ import annotations

import functools
import logging
import threading
from dataclasses import replace
from pathlib import Path

import semver

from inspect_swe._errors import AgentInstallError, AgentOptionError, RegistryError

from .artifacts import Artifact, ArtifactStore, StoredArtifact
from .flight import SingleFlight, in_worker
from .pins import Pins
from .platforms import SandboxPlatform
from .python_packages import locked_wheels, newest_version
from .recipes import NpmPackage, PythonPackage, Recipe, Tool
from .registries import Release, newest_first
from .wheels import Target

logger = logging.getLogger(__name__)

KEYWORDS = ("auto", "sandbox", "stable", "latest")

# What "latest" turned out to be: for the life of the process, so that all samples of an eval run the same version.
_latest: dict[tuple[Path, str, SandboxPlatform], Artifact] = {}
_lookups: SingleFlight[Artifact] = SingleFlight("inspect_swe_lookups")


def check_version(version: str) -> None:
    """Refuse what can't be a version, without asking anyone."""
    if version not in KEYWORDS and not semver.Version.is_valid(version):
        raise AgentOptionError(
            f"version={version!r} is not a version.",
            hint='use "auto", "sandbox", "stable", "latest" or a full version such as "2.1.329".',
        )


async def resolve(
    agent: str,
    recipe: Recipe,
    version: str,
    platform: SandboxPlatform,
    store: ArtifactStore | None = None,
    target: Target | None = None,
) -> StoredArtifact:
    """The verified CLI of an agent, from the store if it is there and otherwise from the npm registry.

    Args:
        agent: The agent's key.
        recipe: Where its CLI is found.
        version: `"stable"` or `"auto"` (the pin), `"latest"`, or a version.
        platform: What it shall run on.
        store: Where packages are kept (default: the user's store).
        target: The sandbox's Python, for a CLI that needs one.
    """
    check_version(version)
    if version == "sandbox":
        raise AgentOptionError('version="sandbox" means the sandbox\'s own CLI: there is nothing to fetch.')
    store = store or ArtifactStore()
    if isinstance(recipe, PythonPackage):
        assert target is not None
        python = functools.partial(_python_artifact, store, agent, recipe, version, target)
        return await store.fetch(await in_worker(python))
    if version == "latest":
        artifact = await _latest_artifact(store, agent, recipe, platform)
    else:
        artifact = await in_worker(lambda stop: _artifact(agent, recipe, version, platform))
    return await store.fetch(artifact)


def resolve_version(
    agent: str, recipe: Recipe, version: str, platform: SandboxPlatform, store: ArtifactStore | None = None
) -> str:
    """The version that a request for a CLI means now. Blocks.

    Args:
        agent: The agent's key.
        recipe: Where its CLI is found.
        version: `"stable"` or `"auto"` (the pin), `"latest"`, or a version.
        platform: What it shall run on.
        store: Where packages are kept (default: the user's store).
    """
    check_version(version)
    if version == "sandbox":
        raise AgentOptionError('version="sandbox" means the sandbox\'s own CLI, whichever that is.')
    store, stop = store or ArtifactStore(), threading.Event()
    if isinstance(recipe, PythonPackage):
        return _python_version(store, agent, recipe, version, platform, stop)
    if version != "latest":
        return _artifact(agent, recipe, version, platform).version
    key = (store.root, agent, platform)
    if key not in _latest:
        _latest[key] = _look_up(store, agent, recipe, platform, stop)
    return _latest[key].version


def _python_version(
    store: ArtifactStore,
    agent: str,
    recipe: PythonPackage,
    version: str,
    platform: SandboxPlatform,
    stop: threading.Event,
) -> str:
    if version in ("stable", "auto"):
        return Pins.load().pin(agent).version
    if version != "latest":
        return version
    try:
        return newest_version(recipe.package, stop)
    except RegistryError as error:
        return _newest_cached(store, agent, platform, error)


def _newest_cached(store: ArtifactStore, agent: str, platform: SandboxPlatform, error: RegistryError) -> str:
    """The newest version in the store, where the registry can't be asked; without one, its error is raised."""
    cached = newest_first(store.versions(agent, platform))
    if not cached:
        raise error
    logger.warning("%s %s is used, the newest in the cache: %s", agent, cached[0], error.summary)
    return cached[0]


def _python_artifact(
    store: ArtifactStore, agent: str, recipe: PythonPackage, version: str, target: Target, stop: threading.Event
) -> Artifact:
    version = _python_version(store, agent, recipe, version, target.platform, stop)
    locked = locked_wheels(agent, recipe, version, target) or (Release(recipe.package, version),)
    own, *others = locked
    return Artifact(agent, version, target.platform, own, recipe.member, (), tuple(others), target, recipe)


async def resolve_tool(tool: Tool, platform: SandboxPlatform, store: ArtifactStore | None = None) -> StoredArtifact:
    """A program that a CLI needs, in its pinned version.

    Args:
        tool: Which.
        platform: What it shall run on.
        store: Where packages are kept (default: the user's store).
    """
    pin = (await in_worker(lambda stop: Pins.load())).pin(tool.key)
    artifact = Artifact(tool.key, pin.version, platform, pin.release(platform), tool.member, tool.keep)
    return await (store or ArtifactStore()).fetch(artifact)


def _artifact(agent: str, recipe: NpmPackage, version: str, platform: SandboxPlatform) -> Artifact:
    """The artifact of a version: with the pin's digest if it is the pinned one, else with the registry's to come."""
    pins = Pins.load()
    if version in ("stable", "auto"):
        pin = pins.pin(agent)
        return Artifact(agent, pin.version, platform, pin.release(platform), recipe.member_for(platform))
    if agent in pins.pins and pins.pin(agent).version == version:
        return _artifact(agent, recipe, "stable", platform)
    release = Release(recipe.package_for(platform), recipe.release_version(version, platform))
    return Artifact(agent, version, platform, release, recipe.member_for(platform))


async def _latest_artifact(store: ArtifactStore, agent: str, recipe: NpmPackage, platform: SandboxPlatform) -> Artifact:
    key = (store.root, agent, platform)

    async def look_up() -> Artifact:
        if key not in _latest:
            _latest[key] = await in_worker(functools.partial(_look_up, store, agent, recipe, platform))
        return _latest[key]

    return _latest[key] if key in _latest else await _lookups.get(key, look_up)


def _look_up(
    store: ArtifactStore, agent: str, recipe: NpmPackage, platform: SandboxPlatform, stop: threading.Event
) -> Artifact:
    try:
        release = store.registry().resolve(recipe.tags_from or recipe.package_for(platform), "latest")
    except RegistryError as error:
        return _artifact(agent, recipe, _newest_cached(store, agent, platform, error), platform)
    if not semver.Version.is_valid(release.version):
        raise AgentInstallError(f"The registry calls {release.version!r} the latest version of {agent}.")
    artifact = _artifact(agent, recipe, release.version, platform)
    if recipe.tags_from is None and artifact.release.integrity is None:
        return replace(artifact, release=release)
    return artifact
