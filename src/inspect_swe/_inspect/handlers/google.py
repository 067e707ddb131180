"""Handler of the Gemini API."""

from __future__ import annotations

from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.google_api import inspect_google_api_request
from inspect_ai.agent._bridge.google_api_impl import (
    _google_schema_to_json_schema,
    messages_from_google_contents,
    tools_from_google_tools,
)
from inspect_ai.model import ModelOutput

from ..ids import google_ids, sent_ids
from ..private import generated_output
from ..requests import answered_once, google_functions, plain_descriptions, plain_images, plain_texts
from ._shared import grants, tokens_of


async def generate(bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any]) -> dict[str, Any]:
    """See `Handler`."""
    _plain_schemas(request.get("tools"))
    plain_descriptions(request.get("tools"))
    plain_images(request["contents"])
    plain_texts(request["contents"])
    answered_once(request["contents"])
    sent_ids.set(google_ids(request["contents"]))
    reply: dict[str, Any] = await inspect_google_api_request(request, *grants(web_search), bridge)
    output, told = generated_output.get(), reply["usageMetadata"]
    _add_ids(reply, output)
    used = output.usage if output else None
    if used and "cachedContentTokenCount" not in told:
        # Gemini counts cached tokens as part of the prompt, unlike Inspect.
        read, written = used.input_tokens_cache_read or 0, used.input_tokens_cache_write or 0
        told |= {"cachedContentTokenCount": read, "promptTokenCount": told["promptTokenCount"] + read + written}
    return reply


def _add_ids(reply: dict[str, Any], output: ModelOutput | None) -> None:
    """Add the ids of a reply's calls, which Inspect omits and clients send back."""
    calls = output.message.tool_calls or [] if output and not output.empty else []
    parts = [part for part in reply["candidates"][0]["content"]["parts"] if "functionCall" in part]
    for part, call in zip(parts, calls, strict=False):
        part["functionCall"]["id"] = call.id


async def count_tokens(bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
    """See `Handler`."""
    asked = request.get("generateContentRequest") or request
    _plain_schemas(asked.get("tools"))
    plain_images(asked["contents"])
    plain_texts(asked["contents"])
    tools = tools_from_google_tools(asked.get("tools"), None, None)
    messages = messages_from_google_contents(asked["contents"], asked.get("systemInstruction"))
    return await tokens_of(bridge, str(request["model"]), "google", messages, tools)


def _plain_schemas(tools: Any) -> None:
    """Convert the functions' schemas to JSON Schema, as Google's SDKs send upper-case types."""
    for function in google_functions(tools):
        if "parameters" in function:
            function["parameters"] = _google_schema_to_json_schema(function["parameters"])
