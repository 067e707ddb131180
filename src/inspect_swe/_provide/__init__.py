"""CLIs provided with the sandbox, as mounts or in its image, instead of copied into each sandbox."""

from __future__ import annotations

from .images import build_image
from .mounts import Sandbox, compose_with_agents, image_service, is_here, with_agents, with_agents_async
from .selection import AgentChoice

__all__ = [
    "AgentChoice",
    "Sandbox",
    "build_image",
    "compose_with_agents",
    "image_service",
    "is_here",
    "with_agents",
    "with_agents_async",
]
