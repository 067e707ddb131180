"""The agents' CLIs as artifacts: what a program may ask about them without running any."""

from __future__ import annotations

from typing import Literal

from ._agents import ROSTER
from ._errors import AgentOptionError
from ._install import Recipe, SandboxPlatform, resolve_version


def resolve_agent_version(
    agent: str, version: Literal["stable", "latest"] | str, platform: SandboxPlatform = "linux-x64"
) -> str:
    """Which version of an agent's CLI a request means now: the one an eval in this process would run.

    Blocks while it asks the registry, which it does for "latest" only, once in the life of the process.

    Args:
        agent: The agent, such as "claude_code".
        version: "stable" (the pinned one), "latest" (the registry's newest; if the registry can't be reached, the
            newest in the cache, with a warning) or a version such as "2.1.329", which is returned as it is.
        platform: What the sandbox is: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".

    Returns:
        The version, such as "2.1.329".

    Raises:
        AgentOptionError: There is no such agent, or it is not a version.
        AgentInstallError: The agent's CLI is not published for the platform.
        RegistryError: The registry can't be reached, and no version is in the cache.
    """
    return resolve_version(agent, _recipe(agent), version, platform)


def _recipe(agent: str) -> Recipe:
    recipes = {adapter.key: adapter.recipe for adapter in ROSTER}
    recipe = recipes.get(agent)
    if recipe is None:
        raise AgentOptionError(f"There is no agent {agent!r}.", hint=f"known agents: {', '.join(recipes)}.")
    return recipe
