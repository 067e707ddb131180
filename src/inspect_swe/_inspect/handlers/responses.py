"""Codec of OpenAI's Responses API."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.responses_impl import (
    _declarations_in_input,
    _is_openai_responses_provider,
    _reject_previous_response_id,
    generate_config_from_openai_responses,
    messages_from_responses_input,
    responses_incomplete_details,
    responses_output_items_from_assistant_message,
    tool_choice_from_responses_tool_choice,
    tools_from_responses_tool,
)
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
)
from inspect_ai.model._openai_responses import (
    RESPONSES_VERBATIM,
    is_additional_tools,
    is_assistant_message_param,
    is_tool_search_output,
    responses_model_usage,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from shortuuid import uuid

from ..requests import describe_functions
from ._history import EarlierCalls, Translate
from ._ids import ItemIds, with_provider_ids, without_nulls, without_state
from ._namespaces import flat_call, flat_tools, with_namespaces
from ._parameters import Fields
from ._schemas import tool_params
from ._serve import Tools, grants, serve

_EFFORT = ("reasoning_effort", "reasoning_tokens", "reasoning_summary", "reasoning_mode", "effort")
_EVALS = ("service_tier", "store", "truncation")
"""Fields about billing and storage that only the eval may set."""

_PREFIXES = {"reasoning": "rs", "message": "msg", "function_call": "fc", "custom_tool_call": "ctc"}
"""Beginnings of the ids of items, which clients may check."""


class _Responses:
    provider = "openai"
    path = "/responses"
    fields = Fields(
        parameters={
            "max_output_tokens": ("max_tokens",),
            "temperature": ("temperature",),
            "top_p": ("top_p",),
            "top_logprobs": ("top_logprobs",),
            "parallel_tool_calls": ("parallel_tool_calls",),
            "reasoning": _EFFORT,
            "text": ("verbosity", "response_schema"),
        },
        governed=frozenset(
            {"model", "stream", "stream_options", "service_tier", "store", "background", "user", "safety_identifier"}
            | {"conversation", "prompt_cache_retention"}
        ),
        additions=frozenset(
            {"input", "instructions", "tools", "tool_choice", "include", "prompt_cache_key", "prompt_cache_options"}
        ),
    )

    def __init__(self) -> None:
        self._ids = ItemIds()

    def system(self, request: dict[str, Any]) -> list[str]:
        instructions = request.get("instructions")
        return [instructions] if isinstance(instructions, str) and instructions else []

    def parts(self, request: dict[str, Any]) -> list[list[Any]]:
        """Return the items, with each run of items that are one answer of the model together."""
        items = request["input"]
        if isinstance(items, str):
            return [[{"type": "message", "role": "user", "content": items}]]
        parts: list[list[Any]] = []
        in_answer = False
        for item in items:
            is_answer = is_assistant_message_param(item)
            if is_answer and in_answer:
                parts[-1].append(item)
            else:
                parts.append([item])
            in_answer = is_answer
        return parts

    def bare(self, item: Any) -> Any:
        return item

    def translate(self, model: Model, tools: Tools) -> Translate:
        async def translate(items: list[Any], calls: EarlierCalls) -> list[ChatMessage]:
            for item in items:
                self._ids.add(item.get("id"))
            known = items if _is_openai_responses_provider(model) else [*map(flat_call, items)]
            messages = messages_from_responses_input(copy.deepcopy(known), tools, model.api.model_name)
            calls.name_results(messages)
            return messages

        return translate

    def declared(self, request: dict[str, Any], model: Model) -> list[Any]:
        """Return the tools of the request and those that its input declares."""
        declared = list(request.get("tools") or [])
        keys = {(tool.get("type"), tool.get("name")) for tool in declared}
        for tool in _tools_in_input(request["input"], is_additional_tools):
            if (key := (tool.get("type"), tool.get("name"))) not in keys:
                keys.add(key)
                declared.append(tool)
        if not _is_openai_responses_provider(model):
            # Other providers' models know neither freeform tools nor the API's own search of tools.
            declared = [tool for tool in flat_tools(declared) if tool.get("type") not in ("custom", "tool_search")]
        return declared

    def tool(self, declared: Any, search: Any, execution: Any, bridge: SandboxAgentBridge) -> Tools | None:
        plain = copy.deepcopy(declared)
        describe_functions([plain])
        for function in _functions(plain):
            function["parameters"] = tool_params(function.get("parameters")).model_dump(exclude_none=True)
        originals = {function.get("name"): function for function in _functions(declared)}
        tools = tools_from_responses_tool(plain, search, execution, bridge.allow_remote_mcp, bridge=bridge)
        for tool in tools:
            if isinstance(tool, ToolInfo) and RESPONSES_VERBATIM in (tool.options or {}) and tool.name in originals:
                tool.options = {**(tool.options or {}), RESPONSES_VERBATIM: dict(originals[tool.name])}
        return tools or None

    def tool_choice(self, request: dict[str, Any]) -> ToolChoice | None:
        return tool_choice_from_responses_tool_choice(request.get("tool_choice"))

    def config(self, request: dict[str, Any]) -> GenerateConfig:
        _reject_previous_response_id(request)
        config = generate_config_from_openai_responses(request)
        config.system_message = None
        extra = {name: value for name, value in (config.extra_body or {}).items() if name not in _EVALS}
        config.extra_body = extra or None
        return config

    def client_body(self, request: dict[str, Any], tools: list[Any], ids: Mapping[str, str]) -> dict[str, Any]:
        body = {**request, "input": with_provider_ids(request["input"], ids, self._ids.provider)}
        if "tools" in request:
            body["tools"] = [tool for tool in request["tools"] if tool in tools]
        return body

    def headers(self, client: Mapping[str, str], built: Mapping[str, str], betas: list[str]) -> dict[str, str]:
        return dict(built)

    def generate_arguments(self, tools: Tools, bridge: SandboxAgentBridge, web_search: bool) -> dict[str, Any]:
        declarations = functools.partial(_declarations, bridge=bridge, web_search=web_search)
        return {"declared_in_input": declarations}

    async def reply(
        self, request: dict[str, Any], output: ModelOutput, model: Model, response: dict[str, Any] | None
    ) -> dict[str, Any]:
        if response is not None and _is_whole(response, output):
            items = [self._with_id(without_nulls(item)) for item in _with_call_ids(response["output"], output)]
            response = {**response, "usage": without_nulls(response.get("usage"))}
            return {**response, "id": self._ids.unique(response.get("id"), "resp"), "output": items}
        details = responses_incomplete_details(output.stop_reason)
        answer = with_namespaces(_items(output.message, _namespaces(request)), _all_declared(request))
        usage = responses_model_usage(output.usage)
        return {
            "id": f"resp_{output.message.id or uuid()}",
            "object": "response",
            "created_at": int(time.time()),
            "model": model.api.model_name,
            "incomplete_details": details.model_dump(mode="json") if details else None,
            "output": [*answer],
            "parallel_tool_calls": request.get("parallel_tool_calls", True),
            "tool_choice": request.get("tool_choice") or "auto",
            "tools": request.get("tools") or [],
            "usage": usage.model_dump(mode="json", warnings=False) if usage else None,
        }

    def _with_id(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "id": self._ids.unique(item.get("id"), _PREFIXES.get(str(item.get("type")), "item"))}


async def generate(
    bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    """See `Handler`."""
    return await serve(_Responses, bridge, web_search, request, headers)


def _declarations(messages: list[ChatMessage], bridge: SandboxAgentBridge, web_search: bool) -> list[ToolInfo]:
    return _declarations_in_input(messages, *grants(web_search), bridge)


def _functions(tool: Any) -> Iterator[dict[str, Any]]:
    """Yield a declared tool, or the tools of a namespace, as far as they are functions."""
    for each in (tool.get("tools") or []) if tool.get("type") == "namespace" else [tool]:
        if isinstance(each, dict) and each.get("type") == "function":
            yield each


def _tools_in_input(items: Any, declares: Any) -> Iterator[dict[str, Any]]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and declares(item):
            yield from (tool for tool in item.get("tools") or [] if isinstance(tool, dict))


def _all_declared(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *(request.get("tools") or []),
        *_tools_in_input(request["input"], is_additional_tools),
        *_tools_in_input(request["input"], is_tool_search_output),
    ]


def _namespaces(request: dict[str, Any]) -> dict[str, str]:
    """Return the namespace of each tool that has one, by which clients find the tool to call."""
    namespaces: dict[str, str] = {}
    for tool in _all_declared(request):
        if tool.get("type") == "namespace" and isinstance(tool.get("name"), str):
            inner = (each.get("name") for each in tool.get("tools") or [] if isinstance(each, dict))
            namespaces.update({name: tool["name"] for name in inner if isinstance(name, str)})
    return namespaces


def _items(message: ChatMessageAssistant, namespaces: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the output items of an answer of another provider, with its reasoning as summaries."""
    message = without_state(message)
    content = [ContentText(text=message.content)] if isinstance(message.content, str) else message.content
    for part in content:
        if isinstance(part, ContentReasoning):
            text = part.summary or ("" if part.redacted else part.reasoning)
            summary = [{"type": "summary_text", "text": text}] if text else []
            yield {"type": "reasoning", "id": f"rs_{uuid()}", "summary": summary, "encrypted_content": None}
            continue
        if isinstance(part, ContentText) and not part.text:
            continue
        yield from _dumped(ChatMessageAssistant(content=[part]), namespaces)
    if message.tool_calls:
        yield from _dumped(ChatMessageAssistant(content=[], tool_calls=message.tool_calls), namespaces)


def _dumped(message: ChatMessageAssistant, namespaces: dict[str, str]) -> Iterator[dict[str, Any]]:
    for item in responses_output_items_from_assistant_message(message, namespaces):
        yield item.model_dump(mode="json", warnings=False)


def _called(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that are calls which the client runs."""
    return [
        item
        for item in items
        if "call_id" in item and str(item.get("type")).endswith("_call") and item.get("execution") != "server"
    ]


def _is_whole(response: dict[str, Any], output: ModelOutput) -> bool:
    """Return whether a response says the same as an output."""
    items = response.get("output")
    if output.empty or not isinstance(items, list):
        return False
    return len(_called(items)) == len(output.message.tool_calls or ())


def _with_call_ids(items: list[dict[str, Any]], output: ModelOutput) -> list[dict[str, Any]]:
    """Return a response's items with the ids that the client may see."""
    ids = {id(item): call.id for item, call in zip(_called(items), output.message.tool_calls or (), strict=True)}
    return [{**item, "call_id": ids[id(item)]} if id(item) in ids else item for item in items]
