"""Codec of the Gemini API."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge._errors import BridgePolicyError
from inspect_ai.agent._bridge.google_api_impl import (
    gemini_finish_reason,
    gemini_usage_metadata,
    generate_config_from_google,
    tool_choice_from_google_tool_config,
    tools_from_google_tools,
)
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
)
from inspect_ai.tool import ToolCall, ToolCallError, ToolChoice, ToolInfo

from ..exact import GOOGLE_PATH
from ..requests import answered_once
from ._history import EarlierCalls, Translate
from ._ids import with_provider_ids
from ._parameters import Fields
from ._schemas import tool_params
from ._serve import Tools, count, serve

_NAMES = {
    "inline_data": "inlineData",
    "file_data": "fileData",
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "thought_signature": "thoughtSignature",
    "mime_type": "mimeType",
    "system_instruction": "systemInstruction",
    "tool_config": "toolConfig",
    "generation_config": "generationConfig",
    "function_declarations": "functionDeclarations",
}
"""Fields that Google's SDKs also send in another notation."""

_FROM_SERVER = re.compile(r"^This is a tool from the \S+ MCP server\.\n+")


class _Google:
    provider = "google"
    path = GOOGLE_PATH
    fields = Fields(
        parameters={},
        governed=frozenset({"model", "labels", "serviceTier"}),
        additions=frozenset({"contents", "systemInstruction", "tools", "toolConfig", "safetySettings"}),
        nested={
            "generationConfig": Fields(
                parameters={
                    "temperature": ("temperature",),
                    "topP": ("top_p",),
                    "topK": ("top_k",),
                    "maxOutputTokens": ("max_tokens",),
                    "stopSequences": ("stop_seqs",),
                    "presencePenalty": ("presence_penalty",),
                    "frequencyPenalty": ("frequency_penalty",),
                    "seed": ("seed",),
                    "thinkingConfig": ("reasoning_tokens", "reasoning_effort", "effort"),
                    "responseMimeType": ("response_schema",),
                    "responseJsonSchema": ("response_schema",),
                    "responseSchema": ("response_schema",),
                    "candidateCount": ("num_choices",),
                    "responseLogprobs": ("logprobs",),
                    "logprobs": ("top_logprobs",),
                },
            )
        },
    )

    def __init__(self) -> None:
        self._invented: set[str] = set()

    def system(self, request: dict[str, Any]) -> list[str]:
        instruction = _field(request, "systemInstruction")
        parts = instruction.get("parts") if isinstance(instruction, dict) else instruction
        texts = [part if isinstance(part, str) else part.get("text", "") for part in _list(parts)]
        return [text] if (text := "".join(filter(None, texts))) else []

    def parts(self, request: dict[str, Any]) -> list[list[Any]]:
        contents = copy.copy(request["contents"])
        answered_once(contents)
        return [[content] for content in contents]

    def bare(self, item: Any) -> Any:
        return item

    def translate(self, model: Model, tools: Tools) -> Translate:
        async def translate(items: list[Any], calls: EarlierCalls) -> list[ChatMessage]:
            return [message for item in items for message in _messages(item, calls)]

        return translate

    def declared(self, request: dict[str, Any], model: Model) -> list[Any]:
        """Return the functions and the API's own tools, one by one."""
        declared: list[Any] = []
        for tool in _list(request.get("tools")):
            functions = _field(tool, "functionDeclarations")
            declared += [{"functionDeclarations": [each]} for each in functions] if functions else [tool]
        return declared

    def tool(self, declared: Any, search: Any, execution: Any, bridge: SandboxAgentBridge) -> Tools | None:
        if functions := _field(declared, "functionDeclarations"):
            return [_function(each) for each in functions]
        return tools_from_google_tools([declared], search, execution) or None

    def tool_choice(self, request: dict[str, Any]) -> ToolChoice | None:
        return tool_choice_from_google_tool_config(_field(request, "toolConfig"))

    def config(self, request: dict[str, Any]) -> GenerateConfig:
        return generate_config_from_google(_field(request, "generationConfig"))

    def client_body(self, request: dict[str, Any], tools: list[Any], ids: Mapping[str, str]) -> dict[str, Any]:
        body = {_NAMES.get(name, name): value for name, value in request.items()}
        body["contents"] = with_provider_ids(_without_ids(body["contents"], self._invented), ids)
        if "tools" in body:
            granted = {json.dumps(tool, sort_keys=True) for tool in tools}
            body["tools"] = [*_granted(_list(body["tools"]), granted)]
        return body

    def headers(self, client: Mapping[str, str], built: Mapping[str, str], betas: list[str]) -> dict[str, str]:
        return dict(built)

    def generate_arguments(self, tools: Tools, bridge: SandboxAgentBridge, web_search: bool) -> dict[str, Any]:
        return {}

    async def reply(
        self, request: dict[str, Any], output: ModelOutput, model: Model, response: dict[str, Any] | None
    ) -> dict[str, Any]:
        if response is not None and _is_whole(response, output):
            return self._with_call_ids(response, output)
        usage = gemini_usage_metadata(output.usage)
        if used := output.usage:
            # Gemini counts cached tokens as part of the prompt, unlike Inspect.
            read, written = used.input_tokens_cache_read or 0, used.input_tokens_cache_write or 0
            usage |= {"cachedContentTokenCount": read}
            usage["promptTokenCount"] += read + written
        candidate = {
            "index": 0,
            "content": {"role": "model", "parts": [*_reply_parts(output)] or [{"text": ""}]},
            "finishReason": gemini_finish_reason(output.stop_reason),
        }
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model.api.model_name}

    def _with_call_ids(self, response: dict[str, Any], output: ModelOutput) -> dict[str, Any]:
        """Return a response with an id on each call: by ids, not by order, clients pair results with calls."""
        ids = iter([call.id for call in output.message.tool_calls or ()])
        candidate = response["candidates"][0]
        parts = []
        for part in _list((candidate.get("content") or {}).get("parts")):
            if call := part.get("functionCall"):
                known = next(ids)
                if not call.get("id"):
                    self._invented.add(known)
                part = {**part, "functionCall": {**call, "id": known}}
            parts.append(part)
        whole = {**candidate, "content": {**(candidate.get("content") or {}), "parts": parts}}
        return {**response, "candidates": [whole, *response["candidates"][1:]]}


async def generate(
    bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    """See `Handler`."""
    return await serve(_Google, bridge, web_search, request, headers)


async def count_tokens(bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
    """See `Handler`."""
    whole = request.get("generateContentRequest") or request
    return await count(_Google(), bridge, {**whole, "model": request["model"]})


def _field(value: Any, name: str) -> Any:
    """Return a field in either notation."""
    if not isinstance(value, dict):
        return None
    other = next((each for each, camel in _NAMES.items() if camel == name), name)
    return value.get(name, value.get(other))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _function(declared: Any) -> ToolInfo:
    parameters = declared.get("parameters", declared.get("parametersJsonSchema"))
    return ToolInfo(
        name=declared.get("name", ""),
        # Inspect recognizes its host tools by their descriptions, without the note that the CLI adds.
        description=_FROM_SERVER.sub("", declared.get("description") or ""),
        parameters=tool_params(parameters),
    )


def _granted(tools: list[Any], granted: set[str]) -> Iterator[Any]:
    """Yield the tools that the eval grants, in the groups of the request."""
    for tool in tools:
        functions = _field(tool, "functionDeclarations")
        if not functions:
            if json.dumps(tool, sort_keys=True) in granted:
                yield tool
            continue
        permitted = [
            each for each in functions if json.dumps({"functionDeclarations": [each]}, sort_keys=True) in granted
        ]
        if permitted:
            yield {**tool, "functionDeclarations": permitted}


def _without_ids(contents: Any, invented: set[str]) -> Any:
    """Return contents without the call ids that the provider did not give."""
    if not invented:
        return contents
    return [
        {**content, "parts": [_without_id(part, invented) for part in _list(content.get("parts"))]}
        if isinstance(content, dict)
        else content
        for content in contents
    ]


def _without_id(part: Any, invented: set[str]) -> Any:
    for name in ("functionCall", "functionResponse"):
        inner = part.get(name) if isinstance(part, dict) else None
        if isinstance(inner, dict) and inner.get("id") in invented:
            return {**part, name: {each: value for each, value in inner.items() if each != "id"}}
    return part


def _messages(content: Any, calls: EarlierCalls) -> Iterator[ChatMessage]:
    """Yield the messages of one content: results first, as the API wants calls answered next."""
    parts = [part if isinstance(part, dict) else {"text": str(part)} for part in _list(content.get("parts"))]
    results = [part for part in parts if _field(part, "functionResponse") is not None]
    others = [part for part in parts if _field(part, "functionResponse") is None]
    unanswered = calls.unanswered()
    for part in results:
        yield _result(_field(part, "functionResponse"), unanswered)
    read = [each for part in others for each in _content(part)]
    if content.get("role", "user") != "model":
        if read:
            only = read[0]
            yield ChatMessageUser(content=only.text if len(read) == 1 and isinstance(only, ContentText) else read)
        return
    called = [_call(part, number) for number, part in enumerate(others) if _field(part, "functionCall") is not None]
    if read or called:
        yield ChatMessageAssistant(content=read or "", tool_calls=called or None)


def _result(response: Any, unanswered: list[ToolCall]) -> ChatMessageTool:
    """Return a call's result. A result without an id belongs to the first call of its function."""
    name, id = response.get("name", ""), response.get("id")
    call = next((each for each in unanswered if each.id == id), None)
    call = call or next((each for each in unanswered if each.function == name), None)
    if call is not None:
        unanswered.remove(call)
    text, error = _result_text(response.get("response"))
    media = [each for part in _list(response.get("parts")) for each in _content(part)]
    return ChatMessageTool(
        tool_call_id=call.id if call else id or f"call_{name}",
        function=name,
        content=[ContentText(text=text), *media] if media else text,
        error=ToolCallError("unknown", text) if error else None,
    )


def _result_text(response: Any) -> tuple[str, bool]:
    """Return a result's text and whether it is an error. The API wraps a text in an object."""
    match response:
        case {"output": str() as text} if len(response) == 1:
            return text, False
        case {"result": str() as text} if len(response) == 1:
            return text, False
        case {"error": str() as text} if len(response) == 1:
            return text, True
    return response if isinstance(response, str) else json.dumps(response, ensure_ascii=False), False


def _content(part: Any) -> Iterator[Content]:
    if (data := _field(part, "inlineData")) is not None:
        yield _media(str(_field(data, "mimeType") or ""), str(data.get("data", "")))
    elif _field(part, "fileData") is not None:
        raise BridgePolicyError("File references are not served; send the bytes as inlineData.")
    elif "text" in part:
        text = str(part["text"])
        if part.get("thought"):
            yield ContentReasoning(reasoning=text, signature=_field(part, "thoughtSignature"))
        elif text:
            yield ContentText(text=text)
    elif _field(part, "functionCall") is not None and (signature := _field(part, "thoughtSignature")):
        yield ContentReasoning(reasoning=str(signature), redacted=True)


def _media(mime: str, data: str) -> Content:
    """Return inline data: Google's SDKs send URL-safe base64, unlike data URLs."""
    plain = data.replace("-", "+").replace("_", "/")
    if mime == "text/plain":
        return ContentText(text=base64.b64decode(plain + "==").decode(errors="replace"))
    url = f"data:{mime};base64,{plain}"
    return ContentImage(image=url) if mime.startswith("image/") else ContentDocument(document=url, mime_type=mime)


def _call(part: Any, number: int) -> ToolCall:
    call = _field(part, "functionCall")
    name, arguments = str(call.get("name", "")), call.get("args") or {}
    arguments = arguments if isinstance(arguments, dict) else {"value": arguments}
    written = f"{name}:{json.dumps(arguments, sort_keys=True)}:{number}"
    id = call.get("id") or f"call_{name}_{hashlib.md5(written.encode(), usedforsecurity=False).hexdigest()[:8]}"
    return ToolCall(id=id, function=name, arguments=arguments)


def _reply_parts(output: ModelOutput) -> Iterator[dict[str, Any]]:
    """Yield the parts of an answer of another provider, with its reasoning as thoughts."""
    if output.empty:
        return
    message, signature = output.message, None
    for part in [ContentText(text=message.content)] if isinstance(message.content, str) else message.content:
        if isinstance(part, ContentReasoning):
            if part.redacted:
                signature = part.reasoning
            elif part.reasoning:
                yield {"text": part.reasoning, "thought": True}
        elif isinstance(part, ContentText) and part.text:
            yield {"text": part.text}
    for number, call in enumerate(message.tool_calls or ()):
        written = {"functionCall": {"id": call.id, "name": call.function, "args": call.arguments}}
        yield {**written, "thoughtSignature": signature} if number == 0 and signature else written


def _is_whole(response: dict[str, Any], output: ModelOutput) -> bool:
    """Return whether a response says the same as an output."""
    candidates = response.get("candidates")
    if output.empty or not isinstance(candidates, list) or not candidates:
        return False
    parts = _list((candidates[0].get("content") or {}).get("parts"))
    return sum("functionCall" in part for part in parts) == len(output.message.tool_calls or ())
