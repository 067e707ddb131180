"""What several of these tests need."""

from __future__ import annotations

from typing import Any

from tests.e2e.harness import mounts


def volumes(*agents: str) -> list[Any]:
    """Return the mounts of several agents' CLIs, each once."""
    return list({str(mount): mount for agent in agents for mount in mounts(agent, "stable")}.values())
