"""Inspect's handlers of model requests, one module per dialect.

Each module imports its provider's SDK, which may take seconds. It is imported in a thread when an agent first needs
it. The import raises an ImportError if an inspect_ai release moved a name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

import anyio.to_thread
from inspect_ai.agent import SandboxAgentBridge

from ..requests import DialectName


class Handler(Protocol):
    """Module of a dialect."""

    async def generate(
        self, bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Serve a request's JSON and return the response's JSON.

        Args:
            bridge: The bridge that selects the model, and whose state is updated.
            web_search: Whether the client's web search may use the model provider's.
            request: The request's body; for Gemini with `model` from the path.
            headers: The request's headers.
        """

    async def count_tokens(self, bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
        """Return a request's input tokens, counted by its model. Some dialects don't need it."""


_loaded: dict[str, Handler] = {}


async def load_handler(dialect: DialectName) -> Handler:
    """Import the module of a dialect.

    Raises:
        ImportError: The inspect_ai release moved a name that the module needs.
    """
    if dialect not in _loaded:
        module: Any = await anyio.to_thread.run_sync(importlib.import_module, f"{__name__}.{dialect}")
        _loaded[dialect] = module
    return _loaded[dialect]
