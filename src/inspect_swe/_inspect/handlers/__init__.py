"""Inspect's handlers of model requests, a module for each dialect.

Each imports its provider's SDK, which may take seconds: none is imported before an agent that needs it starts, and
then in a thread. What an inspect_ai release has moved makes an ImportError of it.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import anyio.to_thread
from inspect_ai.agent import SandboxAgentBridge

from ..requests import DialectName


class Handler(Protocol):
    """A dialect's module."""

    async def generate(self, bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any]) -> dict[str, Any]:
        """Have a request served: its JSON in, the response's JSON out.

        Args:
            bridge: Whose model serves it, and whose state is updated.
            web_search: Whether the client's own web search may reach the model provider's.
            request: Its body; for Gemini with `model`, which is part of the path.
        """

    async def count_tokens(self, bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
        """Input tokens of a request, counted by the model that would serve it; not every dialect asks for it."""


_loaded: dict[str, Handler] = {}


async def load_handler(dialect: DialectName) -> Handler:
    """The module of a dialect.

    Raises:
        ImportError: The inspect_ai release has moved what it needs.
    """
    if dialect not in _loaded:
        module: Any = await anyio.to_thread.run_sync(importlib.import_module, f"{__name__}.{dialect}")
        _loaded[dialect] = module
    return _loaded[dialect]
