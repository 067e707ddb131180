"""Google's Gemini API."""

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
    """Dialect of the Gemini API (`POST /v1beta/models/{model}:{method}`).

    Args:
        method: Method in the request's path, which determines the format of the reply.
        sse: Whether a stream consists of server-sent events, rather than a JSON list.
    """

    name: DialectName = "google"
    # Google's Python SDK reads every line as the start of an error, except `data: ` lines and empty ones.
    ping = b"\n\n"

    def __init__(self, method: str = "generateContent", sse: bool = True) -> None:
        self._method = method
        self._sse = sse

    def check(self, request: dict[str, Any]) -> str | None:
        """Return the problem with a request, or None."""
        wrapped = request.get("generateContentRequest") if self._method == "countTokens" else None
        holder = wrapped if isinstance(wrapped, dict) else request
        return problem(holder, contents=(list,))

    def wants_stream(self, request: dict[str, Any]) -> bool:
        """Return whether to send the reply as a stream."""
        return self._method == "streamGenerateContent" and self._sse

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the body of an error reply."""
        default = "INTERNAL" if status >= 500 else "FAILED_PRECONDITION"
        return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, default)}}

    def error_event(self, status: int, message: str) -> bytes:
        """Encode an error for a stream that has started."""
        # Bare JSON, as Google sends it: its JavaScript SDK ignores errors in events.
        return json.dumps(self.error(status, message)).encode() + b"\n\n"

    def plain(self, reply: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the JSON body of a complete reply."""
        return [reply] if self._method == "streamGenerateContent" else reply

    def opening(self, request: dict[str, Any]) -> bytes:
        """Return the beginning of a stream, sent before the reply is complete."""
        return self.ping

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """Yield a complete reply as a stream, without its beginning if `opened`."""
        yield event(reply)
