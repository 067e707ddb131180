"""Anthropic's Messages API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from inspect_ai.tool import ToolInfo

from .._record import Prompt
from .._script import tool_info
from ._wire import Reply, Usage, event, events, pieces, text_of


class AnthropicWire:
    """Messages, plain and streamed, with signed and redacted thinking."""

    name = "anthropic"

    def tools(self, body: dict[str, Any]) -> list[ToolInfo]:
        """Return the offered tools, without those that the provider runs."""
        return [
            tool_info(tool["name"], tool.get("description") or "", tool.get("input_schema"))
            for tool in body.get("tools") or []
            if "input_schema" in tool
        ]

    def prompt(self, body: dict[str, Any]) -> Prompt:
        """Return the texts by which a conversation is recognized."""
        messages = body.get("messages") or []
        first = next((index for index, each in enumerate(messages) if each["role"] == "assistant"), len(messages))
        opening = [text_of(body.get("system")), *(text_of(each["content"]) for each in messages[:first])]
        users = [each for each in messages if each["role"] == "user"]
        last = text_of(users[-1]["content"]) if users else ""
        parts = [part for each in users if isinstance(each["content"], list) for part in each["content"]]
        results = [part.get("content") for part in parts if part.get("type") == "tool_result"]
        return Prompt("\n".join(opening), last, json.dumps(results[-1:]))

    def schema(self, body: dict[str, Any]) -> Any:
        """Return the JSON schema of the answer that the request asks for, or None."""
        return ((body.get("output_config") or {}).get("format") or {}).get("schema")

    def problem(self, body: dict[str, Any]) -> str | None:
        """Check the order of calls and results, the thinking that is sent back, and its budget."""
        thinking, most = body.get("thinking") or {}, body.get("max_tokens") or 0
        if thinking.get("budget_tokens", 0) >= most:
            return "`max_tokens` must be greater than `thinking.budget_tokens`."
        messages = body.get("messages") or []
        open_calls: set[str] = set()
        for index, message in enumerate(messages):
            blocks = message["content"] if isinstance(message["content"], list) else []
            results = {block["tool_use_id"] for block in blocks if block.get("type") == "tool_result"}
            if open_calls - results:
                return f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after."
            if results - open_calls:
                return f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks."
            open_calls = {block["id"] for block in blocks if block.get("type") == "tool_use"}
            for block in blocks:
                if block.get("type") == "thinking" and block.get("signature") != signature(block["thinking"]):
                    return f"messages.{index}: Invalid `signature` in `thinking` block."
        return None

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Return whether the request asks for a stream."""
        return bool(body.get("stream"))

    def whole(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """Return a message."""
        return {
            **_head(reply),
            "content": list(_blocks(body, reply)),
            "stop_reason": "tool_use" if reply.calls else "end_turn",
            "stop_sequence": None,
            "usage": _usage(reply.usage, reply.usage.output),
        }

    def stream(self, body: dict[str, Any], reply: Reply) -> Iterable[bytes]:
        """Yield a message's events."""
        start = {**_head(reply), "content": [], "stop_reason": None, "stop_sequence": None}
        start["usage"] = _usage(reply.usage, 1)
        yield _event({"type": "message_start", "message": start})
        for index, block in enumerate(_blocks(body, reply)):
            empty, deltas = _streamed(block)
            yield _event({"type": "content_block_start", "index": index, "content_block": empty})
            if index == 0:
                yield _event({"type": "ping"})
            for delta in deltas:
                yield _event({"type": "content_block_delta", "index": index, "delta": delta})
            yield _event({"type": "content_block_stop", "index": index})
        reason = {"stop_reason": "tool_use" if reply.calls else "end_turn", "stop_sequence": None}
        usage = _usage(reply.usage, reply.usage.output)
        final = {key: usage[key] for key in usage if key.endswith("_tokens")}
        yield _event({"type": "message_delta", "delta": reason, "usage": final})
        yield _event({"type": "message_stop"})

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011fake"}

    def received(self, reply: bytes) -> dict[str, Any]:
        """Return the message of a reply."""
        message: dict[str, Any] = {}
        partial: dict[int, str] = {}
        for each in events(reply):
            match each.get("type"):
                case "message" | "error":
                    return each
                case "message_start":
                    message = {**each["message"], "content": []}
                case "content_block_start":
                    message["content"].append(dict(each["content_block"]))
                case "content_block_delta":
                    _add(message["content"][each["index"]], each["delta"], each["index"], partial)
                case "message_delta":
                    message |= each["delta"]
                    message["usage"] = {**message["usage"], **each["usage"]}
        for index, text in partial.items():
            message["content"][index]["input"] = json.loads(text or "{}")
        return message


def signature(thinking: str) -> str:
    """Return the signature of a thinking block, which only this server can make."""
    return "EqQB" + hashlib.sha256(thinking.encode()).hexdigest() * 3 + "=="


def _add(block: dict[str, Any], delta: dict[str, Any], index: int, partial: dict[int, str]) -> None:
    match delta["type"]:
        case "input_json_delta":
            partial[index] = partial.get(index, "") + delta["partial_json"]
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]


def _head(reply: Reply) -> dict[str, Any]:
    return {"id": f"msg_01Fake{reply.number:04}", "type": "message", "role": "assistant", "model": reply.model}


def _blocks(body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    answer = reply.answer
    if answer.thinking is not None and (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        yield {"type": "thinking", "thinking": answer.thinking, "signature": signature(answer.thinking)}
        if answer.redacted:
            yield {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw"}
    if answer.text:
        yield {"type": "text", "text": answer.text}
    for call in reply.calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _streamed(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": text} for text in pieces(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": text} for text in pieces(block["text"])]
        case "tool_use":
            arguments = json.dumps(block["input"], ensure_ascii=False)
            deltas = [{"type": "input_json_delta", "partial_json": text} for text in ["", *pieces(arguments)]]
            return {**block, "input": {}}, deltas
        case _:
            return block, []


def _usage(usage: Usage, output: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt - usage.read - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _event(data: dict[str, Any]) -> bytes:
    return event(data, data["type"])
