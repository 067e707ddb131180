"""Codec of Anthropic's Messages API."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.anthropic_api_impl import (
    anthropic_stop_reason,
    anthropic_system_to_texts,
    anthropic_usage,
    generate_config_from_anthropic,
    messages_from_anthropic_input,
    tool_choice_from_anthropic_tool_choice,
    tools_from_anthropic_tools,
)
from inspect_ai.model import (
    ChatMessage,
    ChatMessageTool,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.model._providers.anthropic import assistant_message_blocks
from inspect_ai.tool import ToolChoice, ToolInfo
from shortuuid import uuid

from ._history import EarlierCalls, Translate
from ._ids import without_nulls, without_state
from ._messages import MessagesCodec
from ._parameters import Fields
from ._schemas import tool_params
from ._serve import Tools, count, serve

_BETAS = re.compile(
    r"(claude-code|interleaved-thinking|fine-grained-tool-streaming|context-management|context-1m|effort|"
    r"prompt-caching|extended-cache-ttl|output-128k|token-efficient-tools|structured-outputs|advanced-tool-use|"
    r"tool-search-tool|tool-examples|thinking|redact-thinking|adaptive-thinking|web-search|summarize|advisor|"
    r"afk-mode|task-budgets|fast-mode|compact|per-turn-control|mid-conversation-tool-changes|pdfs|fallback-credit)[a-z0-9.-]*"
)
"""Betas that a client may use: those that change what the model reads or how it answers, and nothing else."""

_REASONING = ("reasoning_tokens", "reasoning_effort", "effort")
_SERVER_TOOLS = re.compile(r"web_search|web_fetch|code_execution|mcp_toolset")
_UNSUPPORTED = re.compile(r"tool_search_tool|memory|advisor")


class _Anthropic(MessagesCodec):
    provider = "anthropic"
    path = "/v1/messages"
    fields = Fields(
        parameters={
            "max_tokens": ("max_tokens",),
            "temperature": ("temperature",),
            "top_p": ("top_p",),
            "top_k": ("top_k",),
            "stop_sequences": ("stop_seqs",),
            "thinking": _REASONING,
            "output_config": (*_REASONING, "response_schema"),
            "output_format": ("response_schema",),
            "context_management": _REASONING,
            "speed": (),
        },
        governed=frozenset({"model", "stream", "service_tier", "inference_geo", "container", "mcp_servers"}),
        additions=frozenset({"system", "tools", "tool_choice", "cache_control", "metadata"}),
    )

    def system(self, request: dict[str, Any]) -> list[str]:
        return anthropic_system_to_texts(request.get("system"))

    def bare(self, item: Any) -> Any:
        """Return a message without the marks of the prompt cache, which move from request to request."""
        content = item.get("content") if isinstance(item, dict) else None
        if isinstance(content, str):
            return {**item, "content": [{"type": "text", "text": content}]}
        return {**item, "content": [_unmarked(block) for block in content]} if isinstance(content, list) else item

    def translate(self, model: Model, tools: Tools) -> Translate:
        async def translate(items: list[Any], calls: EarlierCalls) -> list[ChatMessage]:
            plain = [_plain_message(copy.deepcopy(item)) for item in items]
            messages = await messages_from_anthropic_input(plain, tools)
            calls.name_results(messages)
            for message in messages:
                if isinstance(message, ChatMessageTool) and message.error is not None:
                    message.error.message = message.text
            return messages

        return translate

    def tool(self, declared: Any, search: Any, execution: Any, bridge: SandboxAgentBridge) -> Tools | None:
        kind = str(declared.get("type") or "custom")
        if kind == "custom":
            parameters = tool_params(declared.get("input_schema"))
            description = declared.get("description") or ""
            return [ToolInfo(name=declared["name"], description=description, parameters=parameters)]
        if kind.startswith("web_fetch"):
            return [] if search is not None else None
        if _UNSUPPORTED.match(kind):
            return []
        translated = tools_from_anthropic_tools([declared], None, search, execution, False, bridge=bridge)
        return translated or ([] if not _SERVER_TOOLS.match(kind) else None)

    def tool_choice(self, request: dict[str, Any]) -> ToolChoice | None:
        return tool_choice_from_anthropic_tool_choice(request.get("tool_choice"))

    def config(self, request: dict[str, Any]) -> GenerateConfig:
        return generate_config_from_anthropic(request)

    def headers(self, client: Mapping[str, str], built: Mapping[str, str], betas: list[str]) -> dict[str, str]:
        """Return the headers with the client's API version and allowed betas, and the eval's betas."""
        theirs = (beta.strip() for beta in client.get("anthropic-beta", "").split(","))
        used = dict.fromkeys([*(beta for beta in theirs if _BETAS.fullmatch(beta)), *betas])
        headers = {name: value for name, value in built.items() if name != "anthropic-beta"}
        if version := client.get("anthropic-version"):
            headers["anthropic-version"] = version
        return {**headers, "anthropic-beta": ",".join(used)} if used else headers

    async def reply(
        self, request: dict[str, Any], output: ModelOutput, model: Model, response: dict[str, Any] | None
    ) -> dict[str, Any]:
        if response is not None and _is_whole(response, output):
            content = without_nulls(_with_call_ids(response["content"], output))
            response = {**response, "usage": without_nulls(response.get("usage"))}
            return {**response, "id": self._ids.unique(response.get("id"), "msg"), "content": content}
        blocks = await assistant_message_blocks(without_state(output.message))
        return {
            "id": output.message.id or uuid(),
            "type": "message",
            "role": "assistant",
            "model": output.model,
            "content": [block.model_dump(mode="json", warnings=False) for block in blocks],
            "stop_reason": anthropic_stop_reason(output.stop_reason),
            "stop_sequence": None,
            "usage": anthropic_usage(output.usage or ModelUsage()).model_dump(mode="json", warnings=False),
        }


async def generate(
    bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    """See `Handler`."""
    return await serve(_Anthropic, bridge, web_search, request, headers)


async def count_tokens(bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
    """See `Handler`."""
    return await count(_Anthropic(), bridge, request)


def _unmarked(block: Any) -> Any:
    if not isinstance(block, dict) or "cache_control" not in block:
        return block
    return {name: value for name, value in block.items() if name != "cache_control"}


def _plain_message(message: Any) -> Any:
    """Replace blocks of results that Inspect's converter rejects by their texts, in place."""
    content = message.get("content") if isinstance(message, dict) else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "tool_result" and isinstance(block.get("content"), list):
            block["content"] = [_plain_block(each) for each in block["content"]]
    return message


def _plain_block(block: Any) -> Any:
    match block:
        case {"type": "tool_reference", "tool_name": name}:
            return {"type": "text", "text": f"The tool {name} is available now."}
        case {"type": "search_result", "content": list() as parts}:
            texts = [str(part.get("text", "")) for part in parts if isinstance(part, dict)]
            heading = f"{block.get('title', '')} {block.get('source', '')}".strip()
            return {"type": "text", "text": "\n".join([heading, *texts])}
    return block


def _is_whole(response: dict[str, Any], output: ModelOutput) -> bool:
    """Return whether a response is all of an output, which may have been continued in further responses."""
    content = response.get("content")
    if output.empty or not isinstance(content, list) or response.get("stop_reason") == "pause_turn":
        return False
    texts = "\n".join(block.get("text") or "" for block in content if block.get("type") == "text")
    calls = [block.get("name") for block in content if block.get("type") == "tool_use"]
    own = [call.function for call in output.message.tool_calls or ()]
    return len(calls) == len(own) and texts.strip() == output.message.text.strip()


def _with_call_ids(content: list[dict[str, Any]], output: ModelOutput) -> list[dict[str, Any]]:
    """Return a response's blocks with the ids that the client may see."""
    ids = iter([call.id for call in output.message.tool_calls or ()])
    return [{**block, "id": next(ids)} if block.get("type") == "tool_use" else block for block in content]
