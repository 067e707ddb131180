"""Helpers that the handlers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.util import (
    resolve_bridge_code_execution,
    resolve_bridge_model,
    resolve_bridge_web_search,
)
from inspect_ai.model import ChatMessage, ChatMessageSystem
from inspect_ai.tool import ToolInfo


def grants(web_search: bool) -> tuple[Any, Any]:
    """Return Inspect's grants of web search, if allowed, and of code execution, which is always withheld."""
    search = resolve_bridge_web_search(True if web_search else None, default_grant=False)
    return search, resolve_bridge_code_execution(None, default_grant=False)


async def tokens_of(
    bridge: SandboxAgentBridge, model: str, provider: Any, messages: list[ChatMessage], tools: Sequence[Any]
) -> int:
    """Return the input tokens of messages and tools, counted by the model of the client's model name."""
    routing = resolve_bridge_model(
        model,
        model_aliases=bridge.model_aliases,
        model_resolver=bridge.model_resolver,
        model=bridge.model,
        allow_client_model_names=False,
        provider=provider,
    )
    texts = [tool.model_dump_json(exclude_none=True) for tool in tools if isinstance(tool, ToolInfo)]
    return await routing.model.count_tokens([*[ChatMessageSystem(content=text) for text in texts], *messages])
