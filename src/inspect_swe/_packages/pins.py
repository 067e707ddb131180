"""The CLI versions verified with this release, and their digests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_swe._errors import AgentInstallError

from .npm.registry import Release
from .platforms import SandboxPlatform

PINS_FILE = Path(__file__).with_name("pins.json")


@dataclass(frozen=True)
class Pin:
    """The pinned version of an agent's CLI or of a tool.

    Args:
        agent: Key of the agent or tool.
        version: The pinned version.
        releases: Releases by platform.
        parts: Additional npm packages that it requires, the same for all platforms.
    """

    agent: str
    version: str
    releases: Mapping[str, Release]
    parts: tuple[Release, ...] = ()

    def release(self, platform: SandboxPlatform) -> Release:
        """Return the release for a platform, without a URL: the user's registry provides that.

        Raises:
            AgentInstallError: The version is not published for the platform.
        """
        release = self.releases.get(platform)
        if release is None:
            raise AgentInstallError(
                f"{self.agent} {self.version} is not published for {platform} (only {', '.join(self.releases)}).",
                hint="use an image of another platform, or one that has the CLI installed.",
            )
        return release


@dataclass(frozen=True)
class Pins:
    """All pinned versions, by agent."""

    pins: Mapping[str, Pin]

    @classmethod
    def load(cls, file: Path = PINS_FILE) -> Pins:
        """Read the pins that ship with the package."""
        document = json.loads(file.read_text(encoding="utf-8"))
        return cls({agent: _pin(agent, entry) for agent, entry in document.items()})

    def pin(self, agent: str) -> Pin:
        """Return the pin of an agent or tool.

        Raises:
            AgentInstallError: There is none.
        """
        if agent not in self.pins:
            raise AgentInstallError(
                f"No version of {agent} is pinned.", hint='request a version ("x.y.z") or "latest".'
            )
        return self.pins[agent]


def _pin(agent: str, entry: Mapping[str, Any]) -> Pin:
    releases = {platform: _release(fields) for platform, fields in entry.get("platforms", {}).items()}
    return Pin(agent, entry["version"], releases, tuple(map(_release, entry.get("parts", ()))))


def _release(fields: Mapping[str, str]) -> Release:
    return Release(**fields)
