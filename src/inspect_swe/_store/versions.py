"""Resolution of requested versions to artifacts, and fetching of artifacts into the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import semver

from inspect_swe._errors import AgentInstallError, AgentOptionError, RegistryError, UnknownVersionError

from .._packages.npm.registry import NpmRegistry, Release, newest_first
from .._packages.pins import Pins
from .._packages.platforms import SandboxPlatform
from .._packages.pypi.lock import PYTHONS
from .._packages.pypi.python_packages import locked_wheels, newest_version
from .._packages.pypi.tags import Target
from .._packages.recipes import NpmPackage, PythonPackage, Recipe, Tool
from .single_flight import SingleFlight, in_worker
from .store import Artifact, ArtifactStore, StoredArtifact

logger = logging.getLogger(__name__)

KEYWORDS = ("auto", "sandbox", "stable", "latest")


class _Latest(NamedTuple):
    version: str
    release: Release | None = None


# Cached for the life of the process, so that all samples of an eval run the same version.
_latest: dict[tuple[Path, str, SandboxPlatform], _Latest] = {}
_lookups: SingleFlight[str] = SingleFlight("inspect_swe_lookups")


def check_version(version: str) -> None:
    """Check the syntax of a requested version, without a look-up.

    Raises:
        AgentOptionError: The text is neither a keyword nor a full version.
    """
    if version not in KEYWORDS and not semver.Version.is_valid(version):
        raise AgentOptionError(
            f"version={version!r} is not a version.",
            hint='use "auto", "sandbox", "stable", "latest" or a full version such as "2.1.329".',
        )


def resolve_version(
    agent: str,
    recipe: Recipe,
    version: str,
    platform: SandboxPlatform,
    store: ArtifactStore | None = None,
    stop: threading.Event | None = None,
) -> str:
    """Return the version number of a requested version. Blocks; only "latest" queries the registry.

    Args:
        agent: The agent's key.
        recipe: The CLI's recipe.
        version: `"stable"` or `"auto"` (the pin), `"latest"`, or a version.
        platform: The sandbox's platform.
        store: The store (default: the user's).
        stop: Cancels the work when set.

    Raises:
        AgentOptionError: The text is not a version, or is "sandbox".
        RegistryError: The registry can't be reached, and the store has no version.
    """
    check_version(version)
    if version == "sandbox":
        raise AgentOptionError('version="sandbox" means the sandbox\'s own CLI: there is nothing to fetch.')
    if version in ("stable", "auto"):
        return Pins.load().pin(agent).version
    if version != "latest":
        return version
    store = store or ArtifactStore()
    key = (store.root, agent, platform)
    if key not in _latest:
        try:
            _latest[key] = _look_up(store, agent, recipe, platform, stop or threading.Event())
        except RegistryError as error:
            _latest[key] = _Latest(_newest_cached(store, agent, platform, error))
    return _latest[key].version


async def resolve_artifact(
    agent: str,
    recipe: Recipe,
    version: str,
    platform: SandboxPlatform,
    store: ArtifactStore | None = None,
    target: Target | None = None,
) -> Artifact:
    """Return the artifact of a requested version, without fetching it.

    Arguments: see `resolve_version()`. `target` is the sandbox's Python, for a CLI that needs one.
    """
    store = store or ArtifactStore()
    key = (store.root, agent, platform)

    def resolve(stop: threading.Event) -> str:
        return resolve_version(agent, recipe, version, platform, store, stop)

    if version == "latest" and key not in _latest:
        await _lookups.get(key, lambda: in_worker(resolve))
    artifact = await in_worker(lambda stop: _artifact(agent, recipe, resolve(stop), platform, target))
    if version != "latest" or (release := _latest[key].release) is None:
        return artifact
    # The look-up returned the package's URL, so fetching needs no second one. A pin's digest takes precedence.
    return replace(artifact, release=replace(release, integrity=artifact.release.integrity or release.integrity))


async def fetch_cli(
    agent: str,
    recipe: Recipe,
    version: str,
    platform: SandboxPlatform,
    store: ArtifactStore | None = None,
    target: Target | None = None,
) -> StoredArtifact:
    """Return an agent's verified CLI from the store or registry. Arguments: see `resolve_artifact()`."""
    store = store or ArtifactStore()
    return await store.fetch(await resolve_artifact(agent, recipe, version, platform, store, target))


async def fetch_with_tools(
    agent: str, recipe: Recipe, version: str, platform: SandboxPlatform, pythons: Sequence[str] = tuple(PYTHONS)
) -> list[StoredArtifact]:
    """Return an agent's CLI and the programs it needs, or one copy per Python version if it is a Python package.

    Arguments: see `resolve_version()`. `pythons` are minor versions of the sandboxes' Python, for a CLI that needs one.
    """
    if isinstance(recipe, PythonPackage):
        targets = [Target(platform, python) for python in pythons]
        return [await fetch_cli(agent, recipe, version, platform, target=target) for target in targets]
    cli = await fetch_cli(agent, recipe, version, platform)
    return [cli, *[await fetch_tool(tool, platform) for tool in recipe.needs]]


async def tool_artifact(tool: Tool, platform: SandboxPlatform) -> Artifact:
    """Return the pinned artifact of a program that CLIs need, without fetching it."""
    pin = (await in_worker(lambda stop: Pins.load())).pin(tool.key)
    release = pin.release(platform)
    return Artifact(tool.key, pin.version, platform, release, tool.member, tool.keep, tool.drop, pin.parts)


async def fetch_tool(tool: Tool, platform: SandboxPlatform, store: ArtifactStore | None = None) -> StoredArtifact:
    """Return the pinned version of a program that CLIs need, from the store or registry.

    Args:
        tool: The program.
        platform: The sandbox's platform.
        store: The store (default: the user's).
    """
    return await (store or ArtifactStore()).fetch(await tool_artifact(tool, platform))


def _artifact(
    agent: str, recipe: Recipe, version: str, platform: SandboxPlatform, target: Target | None = None
) -> Artifact:
    """Return the artifact of a version number, with its digest if it is pinned."""
    if isinstance(recipe, PythonPackage):
        assert target is not None
        own, *others = locked_wheels(agent, recipe, version, target) or (Release(recipe.package, version),)
        parts = tuple(others)
        return Artifact(agent, version, target.platform, own, recipe.member, parts=parts, target=target, recipe=recipe)
    pin = Pins.load().pins.get(agent)
    if pin is not None and pin.version == version:
        release = pin.release(platform)
    else:
        _check_age(agent, recipe, version)
        release = Release(recipe.package_for(platform), recipe.release_version(version, platform))
    # Other versions use the pinned version's parts: their requirements rarely differ by more than minor versions.
    parts = pin.parts if pin is not None else ()
    return Artifact(agent, version, platform, release, recipe.member_for(platform), inside=recipe.inside, parts=parts)


def _check_age(agent: str, recipe: NpmPackage, version: str) -> None:
    if recipe.since is not None and semver.Version.parse(version) < recipe.since:
        raise AgentInstallError(
            f"{agent} {version} can't be fetched: versions before {recipe.since} need npm to install dependencies.",
            hint=f'request {recipe.since} or later, or install it in the image and use version="sandbox".',
        )


def _newest_cached(store: ArtifactStore, agent: str, platform: SandboxPlatform, error: RegistryError) -> str:
    """Return the newest version in the store; raise the registry's error if there is none."""
    cached = newest_first(store.versions(agent, platform))
    if not cached:
        raise error
    logger.warning("Using %s %s, the newest in the cache: %s", agent, cached[0], error.summary)
    return cached[0]


def _look_up(
    store: ArtifactStore, agent: str, recipe: Recipe, platform: SandboxPlatform, stop: threading.Event
) -> _Latest:
    if isinstance(recipe, PythonPackage):
        return _Latest(newest_version(recipe.package, stop))
    registry = store.registry()
    version, latest, documents = latest_published(registry, recipe, [platform], stop)
    if version != latest:
        logger.warning(
            "Using %s %s: the latest version, %s, is not published for %s.", agent, version, latest, platform
        )
    package = recipe.package_for(platform)
    return _Latest(version, registry.select(package, recipe.release_version(version, platform), documents[package]))


def latest_published(
    registry: NpmRegistry,
    recipe: NpmPackage,
    platforms: Sequence[SandboxPlatform],
    stop: threading.Event | None = None,
) -> tuple[str, str, Mapping[str, Mapping[str, Any]]]:
    """Return the latest version of a CLI, or the newest earlier one published for all platforms. Blocks.

    Args:
        registry: The npm registry.
        recipe: The CLI's recipe.
        platforms: The required platforms. A mirror may receive packages for some of them later than for others.
        stop: Cancels the work when set.

    Returns:
        The version, the registry's latest version, and the registry's metadata of each package.

    Raises:
        RegistryError: The registry could not be reached, or its response was not valid.
        UnknownVersionError: No version is published for all platforms.
        AgentInstallError: The registry's latest version is not a known version.
    """
    tagged = recipe.tags_from or recipe.package_for(platforms[0])
    packages = {platform: recipe.package_for(platform) for platform in platforms}
    documents = {
        package: registry.packument(package, stop) for package in {tagged: None, **dict.fromkeys(packages.values())}
    }
    latest = registry.select(tagged, "latest", documents[tagged]).version
    known = newest_first(documents[tagged]["versions"])
    if latest not in known:
        raise AgentInstallError(f"The registry's latest version of {tagged}, {latest!r}, is not a valid version.")
    for version in known[known.index(latest) :]:
        if all(
            recipe.release_version(version, platform) in documents[package]["versions"]
            for platform, package in packages.items()
        ):
            return version, latest, documents
    raise UnknownVersionError(
        f"The registry has no version of {tagged} for {', '.join(platforms)}, up to {latest!r}.",
        hint='request "stable".',
    )
