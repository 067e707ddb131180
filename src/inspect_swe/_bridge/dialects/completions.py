"""OpenAI's Chat Completions API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

from ..._inspect.requests import DialectName
from ._shared import OpenAI, event, problem


class Completions(OpenAI):
    """Dialect of the Chat Completions API (`POST /v1/chat/completions`), for one request, whose chunks share an id."""

    name: DialectName = "completions"

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}

    def check(self, request: dict[str, Any]) -> str | None:
        """Return the problem with a request, or None."""
        return problem(request, model=(str,), messages=(list,))

    def error_event(self, status: int, message: str) -> bytes:
        """Encode an error for a stream that has started."""
        return event(self.error(status, message))

    def opening(self, request: dict[str, Any]) -> bytes:
        """Return the beginning of a stream, sent before the reply is complete."""
        identity = {"id": f"chatcmpl-{secrets.token_hex(14)}", "created": int(time.time()), "model": request["model"]}
        self._begin(request, identity)
        return self._chunk(0, {"role": "assistant", "content": ""})

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """Yield a complete reply as a stream, without its beginning if `opened`."""
        if not opened:
            self._begin(request, reply)
        for choice in reply["choices"]:
            index, message = choice["index"], choice["message"]
            if not opened or index > 0:
                yield self._chunk(index, {"role": "assistant", "content": ""})
            for number, delta in enumerate(_deltas(message)):
                yield self._chunk(index, delta, logprobs=None if number else choice.get("logprobs"))
            yield self._chunk(index, {}, finish_reason=choice["finish_reason"])
        if "usage" in self._head:
            yield event({**self._head, "choices": [], "usage": reply.get("usage")})
        yield b"data: [DONE]\n\n"

    def _begin(self, request: dict[str, Any], identity: dict[str, Any]) -> None:
        self._head = {key: identity[key] for key in ("id", "created", "model")}
        self._head["object"] = "chat.completion.chunk"
        options = request.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage") is True:
            # The API then sends the field in every chunk, with numbers only in the last one.
            self._head["usage"] = None

    def _chunk(
        self, index: int, delta: dict[str, Any], logprobs: Any = None, finish_reason: str | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return event({**self._head, "choices": [choice]})


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message's fields as deltas."""
    for key, value in message.items():
        if key not in ("role", "tool_calls") and value:
            yield {key: value}
    for index, call in enumerate(message.get("tool_calls") or []):
        body = "custom" if call.get("type") == "custom" else "function"
        key = "input" if body == "custom" else "arguments"
        yield {"tool_calls": [{**call, "index": index, body: {**call[body], key: ""}}]}
        yield {"tool_calls": [{"index": index, body: {key: call[body][key]}}]}
