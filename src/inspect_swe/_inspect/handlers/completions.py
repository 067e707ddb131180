"""Handler of OpenAI's Chat Completions API."""

from __future__ import annotations

from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.completions import inspect_completions_api_request
from inspect_ai.model import _openai

from ..requests import describe_functions, plain_choice

__all__ = ["_openai", "generate"]  # Inspect would otherwise import `_openai` during the first request


async def generate(bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any]) -> dict[str, Any]:
    """See `Handler`. The dialect has no web search."""
    describe_functions(request.get("tools"))
    plain_choice(request)
    completion = await inspect_completions_api_request(request, None, bridge)
    return completion.model_dump(mode="json", warnings=False)
