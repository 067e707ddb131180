"""Google Gemini."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..._inspect.requests import DialectName
from ._shared import Common, event, problem

METHODS = ("generateContent", "streamGenerateContent", "countTokens")

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


class Google(Common):
    """The Gemini API (`POST /v1beta/models/{model}:{method}`).

    Args:
        method: The method in the request's path, which decides what the reply looks like.
        sse: Whether a stream is one of server-sent events, rather than a JSON list.
    """

    name: DialectName = "google"
    # Google's Python SDK takes any line but `data: ` and an empty one for the beginning of an error.
    ping = b"\n\n"

    def __init__(self, method: str = "generateContent", sse: bool = True) -> None:
        self._method = method
        self._sse = sse

    def check(self, request: dict[str, Any]) -> str | None:
        """What is wrong with a request, if anything is."""
        wrapped = request.get("generateContentRequest") if self._method == "countTokens" else None
        holder = wrapped if isinstance(wrapped, dict) else request
        return problem(holder, contents=(list,))

    def wants_stream(self, request: dict[str, Any]) -> bool:
        """Whether the reply is to be a stream."""
        return self._method == "streamGenerateContent" and self._sse

    def error(self, status: int, message: str) -> dict[str, Any]:
        """The body of an error reply."""
        default = "INTERNAL" if status >= 500 else "FAILED_PRECONDITION"
        return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, default)}}

    def error_event(self, status: int, message: str) -> bytes:
        """An error inside a stream that has begun."""
        # Bare JSON, as Google sends it: its JavaScript SDK does not look for errors in events.
        return json.dumps(self.error(status, message)).encode() + b"\n\n"

    def plain(self, reply: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """A complete reply as a JSON body."""
        return [reply] if self._method == "streamGenerateContent" else reply

    def opening(self, request: dict[str, Any]) -> bytes:
        """The beginning of a stream whose reply is not there yet."""
        return self.ping

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """A complete reply as a stream (without its beginning, if that was sent)."""
        yield event(reply)
