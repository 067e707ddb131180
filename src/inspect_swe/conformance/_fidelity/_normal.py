"""Values that differ between any two runs of a CLI, and spellings that a vendor treats alike."""

from __future__ import annotations

import re
from typing import Any

VOLATILE = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"(<uuid>: )[A-Z]\w+", r"\1<name>"),
    (r"/tmp/\.agent-\d+/[0-9a-f]+", "<private folder>"),
    (r"(127\.0\.0\.1|localhost|\[::1\]):\d+", "<address>"),
    (r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?", "<time>"),
    (r"\b\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M)?\b", "<time>"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [^\n]*\b20\d\d\b", "<time>"),
    (r"\b1[789]\d{8}(\d{3})?\b", "<time>"),
    (r"(Chunk ID: )[0-9a-f]+", r"\1<id>"),
    (r"(shellId: |PGID: )\d+", r"\1<id>"),
    (r"(nickname\W+)\w+", r"\1<name>"),
    (r"((?:duration|wall.?time|elapsed)[^\n\d]{0,12})\d+(\.\d+)?", r"\1<seconds>"),
    (r"\b(ses|msg|prt|call|run)_[0-9A-Za-z]{20,}", r"\1_<id>"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b", "<hex>"),
)
"""What is replaced in every text: session ids, private folders, ports, dates and times, durations, random ids."""

_OF_THE_MODEL = frozenset({"input", "arguments", "args", "response"})
_VOLATILE = [(re.compile(pattern, re.IGNORECASE), text) for pattern, text in VOLATILE]
_IDS = re.compile(
    r"ses_[0-9a-z]{20,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{9,}|\b(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b", re.IGNORECASE
)
_BINARY = re.compile(r"^[A-Za-z0-9+/_=-]{300,}$")

_CONNECTION = (
    "accept accept-encoding accept-language connection content-length content-type host sec-fetch-mode "
    "transfer-encoding x-server-timeout"
)
_CREDENTIALS = "authorization x-api-key x-goog-api-key api-key"
_CLIENT = "user-agent x-app x-title http-referer x-goog-api-client x-irid anthropic-dangerous-direct-browser-access"

UNCOMPARED_HEADERS = frozenset(f"{_CONNECTION} {_CREDENTIALS} {_CLIENT}".split())
"""Headers that are not compared: they say who asks, or how bytes travel, and nothing about the answer."""
UNCOMPARED_PREFIXES = ("x-stainless-",)


def plain_text(text: str) -> str:
    """Return a text without values that differ in each run."""
    if _BINARY.match(text):
        return text
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def plain(value: Any, nulls: bool = False) -> Any:
    """Return JSON data without values that differ in each run.

    Args:
        value: The data.
        nulls: Whether to keep nulls, which the vendors take for absence outside of the model's arguments.
    """
    match value:
        case str():
            return plain_text(value)
        case list():
            return [plain(each, nulls) for each in value]
        case dict():
            return {
                plain_text(key): plain(each, nulls or key in _OF_THE_MODEL)
                for key, each in value.items()
                if nulls or each is not None
            }
        case _:
            return value


def compared_headers(headers: Any) -> dict[str, str]:
    """Return the headers that are compared."""
    return {
        name: _IDS.sub("<id>", value)
        for name, value in headers.items()
        if name not in UNCOMPARED_HEADERS and not name.startswith(UNCOMPARED_PREFIXES)
    }


def canonical(dialect: str, body: Any) -> Any:
    """Return a request's body in one of the spellings that its vendor treats alike, without volatile values."""
    if not isinstance(body, dict):
        return plain(body)
    return _CANONICAL.get(dialect, plain)(plain(body))


def _anthropic(body: dict[str, Any]) -> dict[str, Any]:
    body = dict(body)
    if "system" in body:
        body["system"] = _parts(body["system"])
    messages: list[dict[str, Any]] = []
    for message in body.get("messages") or []:
        parts = [_result(part) for part in _parts(message["content"])]
        if messages and messages[-1]["role"] == message["role"] != "system":
            messages[-1]["content"] += parts
        else:
            messages.append({**message, "content": parts})
    body["messages"] = messages
    if body.get("tool_choice") == {"type": "auto"}:
        del body["tool_choice"]
    return by_name(body, lambda tool: tool.get("name"))


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def _result(part: Any) -> Any:
    if not isinstance(part, dict) or part.get("type") != "tool_result":
        return part
    part = {**part, "content": _parts(part.get("content"))}
    if not part.get("is_error"):
        part.pop("is_error", None)
    return part


def by_name(body: dict[str, Any], name: Any) -> dict[str, Any]:
    """Return a body with its tools as a mapping by name, and the order of the names."""
    tools = body.get("tools")
    if not isinstance(tools, list) or not tools:
        return {key: value for key, value in body.items() if key != "tools"}
    names = [str(name(tool) or tool.get("type")) for tool in tools]
    for tool in tools:
        _without_empty_required(tool)
    return {**body, "tools": dict(zip(names, tools, strict=True)), "order of tools": names}


def _without_empty_required(schema: Any) -> None:
    for value in schema if isinstance(schema, list) else schema.values() if isinstance(schema, dict) else ():
        _without_empty_required(value)
    if isinstance(schema, dict) and schema.get("required") == []:
        del schema["required"]


def _responses(body: dict[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in body.items() if (key, value) not in (("tool_choice", "auto"), ("tools", []))}
    body["input"] = [_item(item) for item in _input(body.get("input"))]
    return by_name(body, lambda tool: tool.get("name"))


def _input(given: Any) -> list[Any]:
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(given or [])


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if "role" in item:
        item = {"type": "message", **item}
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        if isinstance(item["content"], str):
            item["content"] = [{"type": kind, "text": item["content"]}]
    elif item.get("type") == "tool_search_output":
        # The CLI lists what it found in a random order.
        item = {**item, "tools": sorted((_sorted_tools(tool) for tool in item["tools"]), key=str)}
    return item


def _sorted_tools(tool: dict[str, Any]) -> dict[str, Any]:
    return {**tool, "tools": sorted(tool["tools"], key=lambda each: str(each.get("name")))} if "tools" in tool else tool


def _google(body: dict[str, Any]) -> dict[str, Any]:
    functions = [each for tool in body.get("tools") or [] for each in tool.get("functionDeclarations") or []]
    others = [tool for tool in body.get("tools") or [] if "functionDeclarations" not in tool]
    body = {**body, "tools": [*functions, *others]}
    if body.get("toolConfig") == {"functionCallingConfig": {"mode": "AUTO"}}:
        del body["toolConfig"]
    if isinstance(body.get("systemInstruction"), dict):
        body["systemInstruction"] = {"parts": body["systemInstruction"].get("parts")}
    return by_name(body, lambda tool: tool.get("name") or next(iter(tool), ""))


def _completions(body: dict[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in body.items() if (key, value) not in (("tool_choice", "auto"), ("tools", []))}
    body["messages"] = [
        {**message, "content": _parts(message["content"])} if message.get("content") is not None else message
        for message in body.get("messages") or []
    ]
    return by_name(body, lambda tool: (tool.get("function") or {}).get("name"))


_CANONICAL = {"anthropic": _anthropic, "responses": _responses, "google": _google, "completions": _completions}
