"""The source of a CLI's versions, for Control Tower and agent-baselines. Everyone else: `resolve_agent_version()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import anyio.to_thread

from .._binaries import resolve_agent_version
from .._packages.platforms import SandboxPlatform


class ResolvedVersion(NamedTuple):
    """A version of a CLI."""

    version: str


@dataclass(frozen=True)
class AgentBinarySource:
    """The source of a CLI's versions.

    Args:
        agent: Name of the agent, such as "claude_code".
    """

    agent: str

    @property
    def default_version(self) -> str:
        """The pinned version."""
        return resolve_agent_version(self.agent, "stable")

    async def resolve_version(self, version: str, platform: SandboxPlatform) -> ResolvedVersion:
        """Return the version that `resolve_agent_version()` returns, without blocking the event loop."""
        resolved = await anyio.to_thread.run_sync(resolve_agent_version, self.agent, version, platform)
        return ResolvedVersion(resolved)
