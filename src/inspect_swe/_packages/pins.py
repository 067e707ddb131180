"""The versions that this release was verified with, and their digests."""

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
    """The pinned version of one agent's CLI, or of a tool.

    Args:
        agent: The agent's key, or the tool's.
        version: The CLI's version.
        releases: The release with it, by platform.
        parts: The npm packages that a tool requires, the same for all platforms.
    """

    agent: str
    version: str
    releases: Mapping[str, Release]
    parts: tuple[Release, ...] = ()

    def release(self, platform: SandboxPlatform) -> Release:
        """The release for a platform; its tarball is where the user's registry says."""
        found = self.releases.get(platform)
        if found is None:
            raise AgentInstallError(
                f"{self.agent} {self.version} is not published for {platform} (only {', '.join(self.releases)}).",
                hint="use an image of another platform, or one that has the CLI installed.",
            )
        return found


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
        """The pin of an agent."""
        if agent not in self.pins:
            raise AgentInstallError(
                f"No version of {agent} is pinned.", hint='name a version ("x.y.z"), or ask for "latest".'
            )
        return self.pins[agent]


def _pin(agent: str, entry: Mapping[str, Any]) -> Pin:
    releases = {platform: _release(found) for platform, found in entry.get("platforms", {}).items()}
    return Pin(agent, entry["version"], releases, tuple(_release(found) for found in entry.get("parts", ())))


def _release(found: Mapping[str, str]) -> Release:
    return Release(found["package"], found["version"], integrity=found["integrity"], file=found.get("file"))
