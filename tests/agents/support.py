"""Plain values for the tests of adapters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from inspect_swe._contract.adapter import Exit, LaunchContext


def sites(*command: str, **fixed: Any) -> Callable[..., LaunchContext]:
    """A function that makes sites for a command, each with the changes that it is given."""
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
    """The exit of a CLI that has printed events; -9 if it was killed."""
    stdout = "\n".join(json.dumps(event) for event in events)
    return Exit(code, stdout, stderr, stdout)
