"""Plain values for the tests of adapters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from inspect_swe._contract.adapter import Exit, Launch, LaunchContext


def sites(*command: str, **fixed: Any) -> Callable[..., LaunchContext]:
    """Return a function that makes the launch context of a command, with the given changes."""
    common: dict[str, Any] = {
        "command": command,
        "config": "/scratch/home",
        "home": "/root",
        "cwd": "/workspace",
        "shells": frozenset({"bash"}),
        "base_url": "http://127.0.0.1:1234",
        "model": "gpt-5",
        "system": None,
        "mcp_servers": (),
        "bridged": (),
        "session_id": "11111111-2222-3333-4444-555555555555",
        "debug": False,
        **fixed,
    }
    return lambda **changes: LaunchContext(**{**common, **changes})


def ended(code: int, *events: dict[str, Any], stderr: str = "") -> Exit:
    """Return the exit of a CLI that printed events. The code is -9 if it was killed."""
    stdout = "\n".join(json.dumps(event) for event in events)
    return Exit(code, stdout, stderr, stdout)


def files(launch: Launch, folder: str = "/scratch/home") -> dict[str, str]:
    """Return the content of a launch's files by their paths in a folder."""
    return {file.path.removeprefix(f"{folder}/"): file.content.decode() for file in launch.files}
