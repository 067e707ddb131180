"""Idle containers, in which commands are run, like Inspect's own default."""

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
    """Return a service of an image without network access.

    Args:
        image: Name of the image.
        here: Whether the engine has the image; a locally built one cannot be pulled.
        **settings: Further settings of the service.
    """
    local = {"x-local": True} if here else {}
    return ComposeService.model_validate({**IDLE, "image": image, "working_dir": "/workspace", **local, **settings})


def is_here(image: str) -> bool:
    """Return whether the engine has an image."""
    command = ["docker", "image", "inspect", image]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
