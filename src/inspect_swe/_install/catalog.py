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
from .recipes import NpmBinary
from .registries import NpmRelease, newest_first

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
    recipe: NpmBinary,
    version: str,
    platform: SandboxPlatform,
    store: ArtifactStore | None = None,
) -> StoredArtifact:
    """The verified CLI of an agent, from the store if it is there and otherwise from the npm registry.

    Args:
        agent: The agent's key.
        recipe: Where its CLI is found.
        version: `"stable"` or `"auto"` (the pin), `"latest"`, or a version.
        platform: What it shall run on.
        store: Where packages are kept (default: the user's store).
    """
    check_version(version)
    if version == "sandbox":
        raise AgentOptionError('version="sandbox" means the sandbox\'s own CLI: there is nothing to fetch.')
    store = store or ArtifactStore()
    if version == "latest":
        artifact = await _latest_artifact(store, agent, recipe, platform)
    else:
        artifact = await in_worker(lambda stop: _artifact(agent, recipe, version, platform))
    return await store.fetch(artifact)


def _artifact(agent: str, recipe: NpmBinary, version: str, platform: SandboxPlatform) -> Artifact:
    """The artifact of a version: with the pin's digest if it is the pinned one, else with the registry's to come."""
    pins = Pins.load()
    if version in ("stable", "auto"):
        pin = pins.pin(agent)
        return Artifact(agent, pin.version, platform, pin.release(platform), recipe.member)
    if agent in pins.pins and pins.pin(agent).version == version:
        return _artifact(agent, recipe, "stable", platform)
    release = NpmRelease(recipe.package_for(platform), recipe.release_version(version, platform))
    return Artifact(agent, version, platform, release, recipe.member)


async def _latest_artifact(store: ArtifactStore, agent: str, recipe: NpmBinary, platform: SandboxPlatform) -> Artifact:
    key = (store.root, agent, platform)

    async def look_up() -> Artifact:
        if key not in _latest:
            _latest[key] = await in_worker(functools.partial(_look_up, store, agent, recipe, platform))
        return _latest[key]

    return _latest[key] if key in _latest else await _lookups.get(key, look_up)


def _look_up(
    store: ArtifactStore, agent: str, recipe: NpmBinary, platform: SandboxPlatform, stop: threading.Event
) -> Artifact:
    try:
        release = store.registry().resolve(recipe.tags_from or recipe.package_for(platform), "latest")
    except RegistryError as error:
        cached = newest_first(store.versions(agent, platform))
        if not cached:
            raise
        logger.warning("%s %s is used, the newest in the cache: %s", agent, cached[0], error.summary)
        return _artifact(agent, recipe, cached[0], platform)
    if not semver.Version.is_valid(release.version):
        raise AgentInstallError(f"The registry calls {release.version!r} the latest version of {agent}.")
    artifact = _artifact(agent, recipe, release.version, platform)
    if recipe.tags_from is None and artifact.release.integrity is None:
        return replace(artifact, release=release)
    return artifact
