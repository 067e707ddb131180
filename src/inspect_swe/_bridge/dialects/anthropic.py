"""Anthropic's Messages API."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

from ..._inspect.requests import DialectName
from ._shared import Common, event, problem

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _event(kind: str, **data: Any) -> bytes:
    return event({"type": kind, **data}, kind)


class Anthropic(Common):
    """Dialect of the Messages API (`POST /v1/messages`)."""

    name: DialectName = "anthropic"
    ping = _event("ping")
    # The API rejects other characters.
    call_id = re.compile(r"[a-zA-Z0-9_-]+")

    def check(self, request: dict[str, Any]) -> str | None:
        """Return the problem with a request, or None."""
        return problem(request, model=(str,), messages=(list,))

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the body of an error reply."""
        kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def error_event(self, status: int, message: str) -> bytes:
        """Encode an error for a stream that has started."""
        return _event("error", error=self.error(status, message)["error"])

    def plain(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON body of a complete reply."""
        return {**reply, "content": [_present(block) for block in reply.get("content") or []]}

    def opening(self, request: dict[str, Any]) -> bytes:
        """Return the beginning of a stream, sent before the reply is complete."""
        usage = {"input_tokens": 0, "output_tokens": 0}
        return _start(f"msg_{secrets.token_hex(12)}", request["model"], usage)

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """Yield a complete reply as a stream, without its beginning if `opened`."""
        usage = reply.get("usage") or {}
        if not opened:
            yield _start(reply["id"], reply["model"], {**usage, "output_tokens": 0})
        for index, block in enumerate(self.plain(reply)["content"]):
            yield from _block(index, block)
        delta = {"stop_reason": reply.get("stop_reason"), "stop_sequence": reply.get("stop_sequence")}
        yield _event("message_delta", delta=delta, usage=usage)
        yield _event("message_stop")


def _start(message_id: str, model: str, usage: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    return _event("message_start", message=message)


def _present(block: dict[str, Any]) -> dict[str, Any]:
    """Return a content block without null fields, which strict clients reject."""
    return {key: value for key, value in block.items() if value is not None}


def _block(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    """Yield the events of a content block: its empty form, its content as deltas, its end."""
    kind = block.get("type")
    start: dict[str, Any] = block
    deltas: list[dict[str, Any]] = []
    if kind == "text":
        start = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": block.get("text") or ""}]
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block.get("citations") or []]
    elif kind == "thinking":
        start = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [
            {"type": "thinking_delta", "thinking": block.get("thinking") or ""},
            {"type": "signature_delta", "signature": block.get("signature") or ""},
        ]
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        start = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block.get("input") or {})}]
    yield _event("content_block_start", index=index, content_block=start)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)
