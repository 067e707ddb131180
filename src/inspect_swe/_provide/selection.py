"""Selected agents and sandboxes, resolved to copies in the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import anyio.to_thread
from inspect_ai.agent import Agent

from .._cli_inventory import choice_of, public_name
from .._errors import AgentOptionError
from .._inspect.private import agent_arguments
from .._packages.platforms import SandboxPlatform, sandbox_platform
from .._packages.pypi.lock import PYTHONS
from .._packages.recipes import Recipe
from .._sandbox.image import ImageFacts
from .._store.image_manifest import write_marker
from .._store.store import StoredArtifact
from .._store.versions import fetch_with_tools

AgentChoice = str | tuple[str, str] | Agent
"""An agent: its name, its name and a version, or the agent itself."""


@dataclass(frozen=True)
class Place:
    """The possible platforms and Pythons of a sandbox.

    Args:
        platforms: Possible platforms.
        pythons: Possible minor versions of Python.
    """

    platforms: tuple[SandboxPlatform, ...]
    pythons: tuple[str, ...] = tuple(PYTHONS)

    @classmethod
    def of(cls, facts: ImageFacts) -> Place:
        """Return the platform and Python of an image."""
        pythons = (facts.python,) if facts.python in PYTHONS else tuple(PYTHONS)
        return cls((sandbox_platform(facts.machine, facts.musl),), pythons)

    @classmethod
    def on(cls, machine: str) -> Place:
        """Return all that an unknown image for a processor may have."""
        return cls((sandbox_platform(machine, musl=False), sandbox_platform(machine, musl=True)))


def resolve_choices(agents: Sequence[AgentChoice]) -> list[tuple[str, Recipe, str]]:
    """Return each agent's key, the recipe of its CLI, and the version.

    Raises:
        AgentOptionError: An agent does not exist, or the list is empty.
    """
    if isinstance(agents, str) or not agents:
        raise AgentOptionError("agents= must be a list of at least one agent.", hint='for example ["claude_code"].')
    pairs = [_name_and_version(agent) for agent in agents]
    return [(*choice_of(name), version) for name, version in pairs]


def _name_and_version(agent: AgentChoice) -> tuple[str, str]:
    if isinstance(agent, str):
        return agent, "stable"
    if isinstance(agent, tuple):
        return agent
    name, arguments = agent_arguments(agent)
    version = arguments.get("version")
    return public_name(name), version if isinstance(version, str) else "stable"


async def copies(agents: Sequence[AgentChoice], places: Iterable[Place]) -> list[StoredArtifact]:
    """Return the agents' CLIs and the programs they need, each once, downloading those that the store lacks.

    Args:
        agents: Agents.
        places: Possible platforms and Pythons of the sandboxes.

    Raises:
        AgentOptionError: An agent or version does not exist.
        AgentInstallError: A CLI can't be fetched.
    """
    artifacts: dict[str, StoredArtifact] = {}
    choices = resolve_choices(agents)
    for place in places:
        for key, recipe, version in choices:
            for platform in place.platforms:
                for stored in await fetch_with_tools(key, recipe, version, platform, place.pythons):
                    artifacts[stored.artifact.folder] = stored
    for stored in artifacts.values():
        await anyio.to_thread.run_sync(write_marker, stored)
    return list(artifacts.values())
