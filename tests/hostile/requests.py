"""Requests of all dialects, and what may become of them on the way."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FUNCTION: dict[str, Any] = {"name": "add", "description": "Adds.", "parameters": SCHEMA}

ANTHROPIC: dict[str, Any] = {
    "model": "m",
    "max_tokens": 100,
    "stream": True,
    "system": [{"type": "text", "text": "be good", "cache_control": {"type": "ephemeral"}}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "2"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            ],
        },
    ],
    "tools": [
        {"name": "add", "description": "Adds.", "input_schema": SCHEMA},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
}
RESPONSES: dict[str, Any] = {
    "model": "m",
    "stream": True,
    "instructions": "be good",
    "reasoning": {"effort": "low"},
    "input": [
        {"type": "additional_tools", "tools": [{"type": "custom", "name": "patch", "format": {"type": "text"}}]},
        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "2"},
        {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}]},
    ],
    "tools": [
        {"type": "function", **FUNCTION},
        {"type": "namespace", "name": "more", "description": "More.", "tools": [{"type": "function", **FUNCTION}]},
        {"type": "web_search"},
    ],
}
COMPLETIONS: dict[str, Any] = {
    "model": "m",
    "stream": True,
    "stream_options": {"include_usage": True},
    "messages": [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": "auto",
}
GOOGLE: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "be good"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "hello"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "add", "args": {"a": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "add", "response": {"result": "2"}}}]},
    ],
    "tools": [{"functionDeclarations": [FUNCTION]}, {"googleSearch": {}}],
    "generationConfig": {"maxOutputTokens": 100, "thinkingConfig": {"thinkingBudget": 10}},
}
CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "give", "arguments": {"kind": "text"}, "_meta": {"progressToken": 1}},
}
# Each request with the paths it may be sent to.
SOUND: list[tuple[list[str], dict[str, Any]]] = [
    (["/v1/messages", "/v1/messages/count_tokens"], ANTHROPIC),
    (["/v1/responses"], RESPONSES),
    (["/v1/chat/completions"], COMPLETIONS),
    (
        [
            "/v1beta/models/m:generateContent",
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "/v1beta/models/m:streamGenerateContent",
            "/v1beta/models/m:countTokens",
        ],
        GOOGLE,
    ),
    (["/mcp/host"], CALL),
]
PATHS = [path for paths, _ in SOUND for path in paths]


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Everything inside of JSON data: what holds it, and its key there."""
    for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        yield data, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


KEYS = sorted({str(key) for _, request in SOUND for holder, key in _places(request) if isinstance(holder, dict)})
WORDS = sorted(
    {value for _, request in SOUND for holder, key in _places(request) if isinstance(value := holder[key], str)}
)


def nested(levels: int, key: str | None) -> Any:
    """JSON data with so many levels."""
    data: Any = "deep"
    for _ in range(levels):
        data = [data] if key is None else {key: data}
    return data


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.sampled_from(["", "\0", "\ud83d", "\udc00", "\u2028", "../../etc/passwd", "file:///etc/passwd", "{}", "data:,"]),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=4))
json_data = st.recursive(
    st.one_of(scalars, st.builds(nested, st.sampled_from([50, 99, 120, 300]), st.sampled_from([None, "a", "tools"]))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A path, and a sound request for it with a few changes."""
    paths, sound = draw(st.sampled_from(SOUND))
    data: Any = copy.deepcopy(sound)
    for _ in range(draw(st.integers(0, 4))):
        places = list(_places(data))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "add", "wrap", "repeat"])):
            case "remove":
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[draw(keys)] = draw(json_data)
            case "wrap":
                holder[key] = draw(st.sampled_from([[holder[key]], {"type": holder[key]}]))
            case "repeat" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _:
                holder[key] = draw(json_data)
    return draw(st.sampled_from(paths)), encoded(data)


def encoded(data: Any) -> bytes:
    """JSON as a client in the sandbox may write it: half characters as they are, or as escapes."""
    return json.dumps(data).encode()


any_json = st.builds(encoded, json_data)
raw_halves = json_data.map(lambda data: json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"))
wide = json_data.map(lambda data: json.dumps(data).encode("utf-16"))
bodies = st.one_of(any_json, raw_halves, wide, st.binary(max_size=64))
anything = st.tuples(st.sampled_from(PATHS), bodies)
