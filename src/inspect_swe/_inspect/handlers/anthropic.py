"""Handler of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.anthropic_api_impl import (
    anthropic_system_to_texts,
    inspect_anthropic_api_request_impl,
    messages_from_anthropic_input,
    tools_from_anthropic_tools,
)
from inspect_ai.model import ChatMessage, ChatMessageSystem

from ._shared import grants, tokens_of


async def generate(bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any]) -> dict[str, Any]:
    """See `Handler`."""
    # Inspect's own wrapper also looks up the installed SDK's version, which takes a sixth of a call's time.
    message = await inspect_anthropic_api_request_impl(request, None, *grants(web_search), bridge)
    return message.model_dump(mode="json", warnings=False)


async def count_tokens(bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
    """See `Handler`."""
    tools = tools_from_anthropic_tools(request.get("tools"), None, None, None, False)
    messages: list[ChatMessage] = await messages_from_anthropic_input(request["messages"], tools)
    texts = anthropic_system_to_texts(request.get("system"))
    system: list[ChatMessage] = [ChatMessageSystem(content=text) for text in texts]
    return await tokens_of(bridge, str(request["model"]), "anthropic", system + messages, tools)
