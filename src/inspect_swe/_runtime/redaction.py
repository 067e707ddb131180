"""Redaction of commands, texts and variables for the log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio

_MASK = "***"
_MAX_LENGTH = 500
_MIN_SECRET = 6
_SECRET = re.compile(r"(key|token|secret|password|passwd|auth|authorization|credentials?|cookie)$", re.IGNORECASE)


def redact_command(argv: Sequence[str], env: Mapping[str, str], servers: Sequence[MCPServerConfig]) -> list[str]:
    """Return a command without secrets, with long arguments shortened.

    Args:
        argv: The command.
        env: The user's variables, whose values are redacted.
        servers: The user's MCP servers, whose variables and headers are redacted.
    """
    return [_shortened(_without_value(redact_text(word, env, servers))) for word in argv]


def redact_text(text: str, env: Mapping[str, str], servers: Sequence[MCPServerConfig]) -> str:
    """Return a text without the user's secrets. `env` and `servers` are the same as for `redact_command()`."""
    secrets = set(env.values())
    for server in servers:
        if isinstance(server, MCPServerConfigStdio):
            secrets |= set((server.env or {}).values())
        elif isinstance(server, MCPServerConfigHTTP):
            secrets |= set((server.headers or {}).values())
    # Longer secrets first: a shorter one may be part of them.
    for secret in sorted((one for one in secrets if len(one) >= _MIN_SECRET), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def redact_env(own: Mapping[str, str], users: Mapping[str, str]) -> dict[str, str]:
    """Return variables with the values of the user's variables and our secrets masked.

    Args:
        own: The adapter's variables.
        users: The user's variables, which override the adapter's.
    """
    redacted = {name: _MASK if _SECRET.search(name) else _shortened(value) for name, value in own.items()}
    return {**redacted, **dict.fromkeys(users, _MASK)}


def _without_value(word: str) -> str:
    name, assigns, _ = word.partition("=")
    return f"{name}={_MASK}" if assigns and _SECRET.search(name) else word


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."
