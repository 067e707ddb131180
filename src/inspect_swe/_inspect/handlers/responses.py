"""Handler of OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge import responses_impl
from inspect_ai.agent._bridge.responses import inspect_responses_api_request

from ..requests import describe_functions
from ._shared import grants

__all__ = ["generate", "responses_impl"]  # Inspect would otherwise import `responses_impl` during the first request


async def generate(bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any]) -> dict[str, Any]:
    """See `Handler`."""
    describe_functions(request.get("tools"))
    response = await inspect_responses_api_request(request, None, *grants(web_search), bridge)
    return response.model_dump(mode="json", warnings=False)
