"""From the version that a user asks for to a verified CLI on disk."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import semver

from inspect_swe._errors import AgentInstallError, AgentOptionError, RegistryError, UnknownVersionError

from .artifacts import Artifact, ArtifactStore, StoredArtifact
from .flight import SingleFlight, in_worker
from .lock import PYTHONS
from .pins import Pins
from .platforms import SandboxPlatform
from .python_packages import locked_wheels, newest_version
from .recipes import NpmPackage, PythonPackage, Recipe, Tool
from .registries import NpmRegistry, Release, newest_first
from .wheels import Target

logger = logging.getLogger(__name__)

KEYWORDS = ("auto", "sandbox", "stable", "latest")

# What "latest" turned out to be: for the life of the process, so that all samples of an eval run the same version.
_latest: dict[tuple[Path, str, SandboxPlatform], Artifact | str] = {}
_lookups: SingleFlight[Artifact | str] = SingleFlight("inspect_swe_lookups")


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
    store = store or ArtifactStore()
    return await store.fetch(await wanted(agent, recipe, version, platform, store, target))


async def resolve_all(
    agent: str, recipe: Recipe, version: str, platform: SandboxPlatform, pythons: Sequence[str] = tuple(PYTHONS)
) -> list[StoredArtifact]:
    """An agent's CLI and the programs that it needs; of a Python package, for each Python.

    Args:
        agent: The agent's key.
        recipe: Where its CLI is found.
        version: `"stable"` or `"auto"` (the pin), `"latest"`, or a version.
        platform: What it shall run on.
        pythons: Minor versions of the sandboxes' Python, for a CLI that needs one.
    """
    if isinstance(recipe, PythonPackage):
        targets = [Target(platform, python) for python in pythons]
        return [await resolve(agent, recipe, version, platform, target=target) for target in targets]
    cli = await resolve(agent, recipe, version, platform)
    return [cli, *[await resolve_tool(tool, platform) for tool in recipe.needs]]


async def wanted(
    agent: str,
    recipe: Recipe,
    version: str,
    platform: SandboxPlatform,
    store: ArtifactStore | None = None,
    target: Target | None = None,
) -> Artifact:
    """What `resolve()` would take from the store: nothing is fetched, and nobody asked but for "latest"."""
    check_version(version)
    if version == "sandbox":
        raise AgentOptionError('version="sandbox" means the sandbox\'s own CLI: there is nothing to fetch.')
    store = store or ArtifactStore()
    found = await _looked_up(store, agent, recipe, platform) if version == "latest" else version
    return await in_worker(lambda stop: _artifact(agent, recipe, found, platform, target))


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
    store = store or ArtifactStore()
    if version == "latest":
        key = (store.root, agent, platform)
        if key not in _latest:
            _latest[key] = _look_up(store, agent, recipe, platform, threading.Event())
        found = _latest[key]
        return found if isinstance(found, str) else found.version
    if version in ("stable", "auto"):
        return Pins.load().pin(agent).version
    return version


def _newest_cached(store: ArtifactStore, agent: str, platform: SandboxPlatform, error: RegistryError) -> str:
    """The newest version in the store, where the registry can't be asked; without one, its error is raised."""
    cached = newest_first(store.versions(agent, platform))
    if not cached:
        raise error
    logger.warning("%s %s is used, the newest in the cache: %s", agent, cached[0], error.summary)
    return cached[0]


async def resolve_tool(tool: Tool, platform: SandboxPlatform, store: ArtifactStore | None = None) -> StoredArtifact:
    """A program that a CLI needs, in its pinned version.

    Args:
        tool: Which.
        platform: What it shall run on.
        store: Where packages are kept (default: the user's store).
    """
    return await (store or ArtifactStore()).fetch(await wanted_tool(tool, platform))


async def wanted_tool(tool: Tool, platform: SandboxPlatform) -> Artifact:
    """What `resolve_tool()` would take from the store."""
    pin = (await in_worker(lambda stop: Pins.load())).pin(tool.key)
    release = pin.release(platform)
    return Artifact(tool.key, pin.version, platform, release, tool.member, tool.keep, tool.drop, pin.parts)


def _artifact(
    agent: str, recipe: Recipe, version: Artifact | str, platform: SandboxPlatform, target: Target | None = None
) -> Artifact:
    """The artifact of a version: with the pin's digest if it is the pinned one, else with the registry's to come."""
    if isinstance(version, Artifact):
        return version
    pins = Pins.load()
    if version in ("stable", "auto"):
        version = pins.pin(agent).version
    if isinstance(recipe, PythonPackage):
        assert target is not None
        own, *others = locked_wheels(agent, recipe, version, target) or (Release(recipe.package, version),)
        parts = tuple(others)
        return Artifact(agent, version, target.platform, own, recipe.member, parts=parts, target=target, recipe=recipe)
    pin = pins.pins.get(agent)
    if pin is not None and pin.version == version:
        release = pin.release(platform)
    else:
        _check_age(agent, recipe, version)
        release = Release(recipe.package_for(platform), recipe.release_version(version, platform))
    # Another version is given the pinned one's parts: what it asks for is seldom more than their minor versions.
    parts = pin.parts if pin is not None else ()
    return Artifact(agent, version, platform, release, recipe.member_for(platform), inside=recipe.inside, parts=parts)


def _check_age(agent: str, recipe: NpmPackage, version: str) -> None:
    if recipe.since is not None and semver.Version.parse(version) < recipe.since:
        raise AgentInstallError(
            f"{agent} {version} can't be fetched: before {recipe.since} it came with packages that npm has to install.",
            hint=f'ask for {recipe.since} or later, or install it in the image and use version="sandbox".',
        )


async def _looked_up(store: ArtifactStore, agent: str, recipe: Recipe, platform: SandboxPlatform) -> Artifact | str:
    """What "latest" is: asked once in the life of the process, however many tasks want to know."""
    key = (store.root, agent, platform)

    async def look_up() -> Artifact | str:
        if key not in _latest:
            _latest[key] = await in_worker(functools.partial(_look_up, store, agent, recipe, platform))
        return _latest[key]

    return _latest[key] if key in _latest else await _lookups.get(key, look_up)


def _look_up(
    store: ArtifactStore, agent: str, recipe: Recipe, platform: SandboxPlatform, stop: threading.Event
) -> Artifact | str:
    try:
        if isinstance(recipe, PythonPackage):
            return newest_version(recipe.package, stop)
        return _newest(store, agent, recipe, platform, stop)
    except RegistryError as error:
        return _newest_cached(store, agent, platform, error)


def _newest(
    store: ArtifactStore, agent: str, recipe: NpmPackage, platform: SandboxPlatform, stop: threading.Event
) -> Artifact:
    registry = store.registry()
    version, latest, documents = latest_published(registry, recipe, [platform], stop)
    if version != latest:
        logger.warning("%s %s is used: %s, the latest, is not published for %s.", agent, version, latest, platform)
    artifact = _artifact(agent, recipe, version, platform)
    # What has been asked need not be asked again when it is fetched.
    found = registry.found(artifact.release.package, artifact.release.version, documents[artifact.release.package])
    return replace(artifact, release=replace(found, integrity=artifact.release.integrity or found.integrity))


def latest_published(
    registry: NpmRegistry,
    recipe: NpmPackage,
    platforms: Sequence[SandboxPlatform],
    stop: threading.Event | None = None,
) -> tuple[str, str, Mapping[str, Mapping[str, Any]]]:
    """The latest version of a CLI, or the newest before it that these platforms have. Blocks.

    Args:
        registry: Where it is published.
        recipe: In which packages.
        platforms: What it shall run on. A mirror may have some platforms' packages later than others.
        stop: When set, give up.

    Returns:
        The version, the one that the registry calls the latest, and what it knows about each of the packages.

    Raises:
        RegistryError: The registry could not be reached, or its answer was of no use.
        UnknownVersionError: There is none.
        AgentInstallError: What it calls the latest is no version.
    """
    tagged = recipe.tags_from or recipe.package_for(platforms[0])
    packages = {platform: recipe.package_for(platform) for platform in platforms}
    documents = {
        package: registry.packument(package, stop) for package in {tagged: None, **dict.fromkeys(packages.values())}
    }
    latest = registry.found(tagged, "latest", documents[tagged]).version
    known = newest_first(documents[tagged]["versions"])
    if latest not in known:
        raise AgentInstallError(f"The registry calls {latest!r} the latest version of {tagged}.")
    for version in known[known.index(latest) :]:
        if all(
            recipe.release_version(version, platform) in documents[package]["versions"]
            for platform, package in packages.items()
        ):
            return version, latest, documents
    raise UnknownVersionError(
        f"The registry has no version of {tagged} for {', '.join(platforms)}, up to {latest!r}.",
        hint='ask for "stable".',
    )
