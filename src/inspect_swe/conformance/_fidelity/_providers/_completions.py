"""The Chat Completions API, with the `reasoning_content` that open models' servers add."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from inspect_ai.tool import ToolInfo

from .._record import Prompt
from .._script import tool_info
from ._wire import Reply, event, events, pieces, text_of

_CREATED = 1_790_000_000


class CompletionsWire:
    """Chat completions, plain and streamed."""

    name = "completions"

    def tools(self, body: dict[str, Any]) -> list[ToolInfo]:
        """Return the offered tools."""
        functions = [tool["function"] for tool in body.get("tools") or [] if tool.get("type") == "function"]
        return [tool_info(each["name"], each.get("description") or "", each.get("parameters")) for each in functions]

    def prompt(self, body: dict[str, Any]) -> Prompt:
        """Return the texts by which a conversation is recognized."""
        messages = body.get("messages") or []
        first = next((n for n, each in enumerate(messages) if each["role"] == "assistant"), len(messages))
        users = [text_of(each.get("content")) for each in messages if each["role"] == "user"]
        results = [each.get("content") for each in messages if each["role"] == "tool"]
        opening = "\n".join(text_of(each.get("content")) for each in messages[:first])
        return Prompt(opening, users[-1] if users else "", json.dumps(results[-1:]))

    def schema(self, body: dict[str, Any]) -> Any:
        """Return the JSON schema of the answer that the request asks for, or None."""
        return ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")

    def problem(self, body: dict[str, Any]) -> str | None:
        """Check that the messages after a message with calls answer all of them."""
        open_calls: set[str] = set()
        for message in body.get("messages") or []:
            if message["role"] == "tool":
                if message.get("tool_call_id") not in open_calls:
                    return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                open_calls.discard(message["tool_call_id"])
            elif open_calls:
                return "An assistant message with 'tool_calls' must be followed by tool messages for each of them."
            else:
                open_calls = {call["id"] for call in message.get("tool_calls") or []}
        return None

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Return whether the request asks for a stream."""
        return bool(body.get("stream"))

    def whole(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """Return a completion."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.answer.text or None, "refusal": None}
        if reply.answer.thinking is not None:
            message["reasoning_content"] = reply.answer.thinking
        if reply.calls:
            message["tool_calls"] = [_call(call.id, call.name, call.json) for call in reply.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(reply)}
        return {**_head(reply, "chat.completion"), "choices": [choice], "usage": _usage(reply)}

    def stream(self, body: dict[str, Any], reply: Reply) -> Iterable[bytes]:
        """Yield a completion's chunks."""
        head, counted = _head(reply, "chat.completion.chunk"), (body.get("stream_options") or {}).get("include_usage")
        for delta in _deltas(reply):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
            yield event({**head, "choices": [choice]})
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": _reason(reply)}
        yield event({**head, "choices": [choice]})
        if counted:
            yield event({**head, "choices": [], "usage": _usage(reply)})
        yield event("[DONE]")

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}

    def received(self, reply: bytes) -> dict[str, Any]:
        """Return the message, the reason of its end and the usage of a reply."""
        message: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        for chunk in events(reply):
            fields |= {key: chunk[key] for key in ("id", "model", "usage", "error") if chunk.get(key)}
            for choice in chunk.get("choices") or []:
                fields |= {"finish_reason": choice["finish_reason"]} if choice.get("finish_reason") else {}
                _add(message, choice.get("delta") or choice.get("message") or {})
        return {**fields, "message": message}


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key == "tool_calls":
            calls = message.setdefault("tool_calls", [])
            for each in value:
                if each.get("index", len(calls)) >= len(calls):
                    calls.append(_call(each.get("id"), each["function"].get("name"), ""))
                calls[each.get("index", -1)]["function"]["arguments"] += each["function"].get("arguments") or ""
        elif isinstance(value, str) and key != "role":
            message[key] = (message.get(key) or "") + value
        elif value is not None:
            message[key] = value


def _call(id: Any, name: Any, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    if reply.answer.thinking is not None:
        yield from ({"reasoning_content": text} for text in pieces(reply.answer.thinking))
    if reply.answer.text:
        yield from ({"content": text} for text in pieces(reply.answer.text))
    for index, call in enumerate(reply.calls):
        yield {"tool_calls": [{"index": index, **_call(call.id, call.name, "")}]}
        yield from ({"tool_calls": [{"index": index, "function": {"arguments": text}}]} for text in pieces(call.json))


def _reason(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    created = _CREATED + reply.number
    return {"id": f"chatcmpl-Fake{reply.number:04}", "object": kind, "created": created, "model": reply.model}


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.usage.prompt,
        "completion_tokens": reply.usage.output,
        "total_tokens": reply.usage.prompt + reply.usage.output,
        "prompt_tokens_details": {"cached_tokens": reply.usage.read},
        "completion_tokens_details": {"reasoning_tokens": 16 if reply.answer.thinking else 0},
    }
