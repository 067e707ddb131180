"""Containers that only wait for commands to be run in them, as Inspect's own default does."""

from __future__ import annotations

import subprocess
from typing import Any

from inspect_ai.util import ComposeService

IDLE: dict[str, Any] = {
    "command": "tail -f /dev/null",
    "init": True,
    "network_mode": "none",
    "stop_grace_period": "1s",
}


def image_service(image: str, here: bool, **settings: Any) -> ComposeService:
    """A service of an image without a network.

    Args:
        image: The image.
        here: Whether the engine has it: it may have been built here, and then there is nothing to pull.
        **settings: Further settings of the service.
    """
    local = {"x-local": True} if here else {}
    return ComposeService.model_validate({**IDLE, "image": image, "working_dir": "/workspace", **local, **settings})


def is_here(image: str) -> bool:
    """Whether the engine has an image."""
    command = ["docker", "image", "inspect", image]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
