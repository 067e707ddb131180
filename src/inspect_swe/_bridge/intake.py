"""Read and bound untrusted requests from the sandbox."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from .dialects import Dialect

MAX_BODY = 64 << 20
"""Limit on the bytes of a request body; providers accept at most half of it."""

MAX_CALL = 16 << 20
"""Limit on the bytes of a host tool call."""

MAX_TOGETHER = 256 << 20
"""Limit on the bytes of all requests in flight in a bridge, with their parsed JSON."""

MAX_DEPTH = 100
"""Limit on the nesting of a request's JSON; Inspect's log allows 255 levels."""

MAX_PARTS = 100_000
"""Limit on a request's objects and lists: Inspect processes each of them and blocks the whole eval meanwhile."""

_VALUE = 64  # bytes of the smallest parsed JSON value


@dataclass
class ModelFailure(Exception):
    """Failure of a request, in a form that is safe to send to the client.

    Args:
        status: HTTP status.
        message: Text for the client, without host paths, credentials and tracebacks.
    """

    status: int
    message: str


class Intake:
    """Bytes that the requests in flight take together."""

    def __init__(self) -> None:
        self.taken = 0


class RequestBudget:
    """Bytes that one request takes, until they are released.

    Args:
        intake: The total that the bytes count towards.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._size = 0
        self._weight = 0

    def add(self, chunk: bytes) -> None:
        """Count a piece of the body.

        Raises:
            ModelFailure: A limit is exceeded.
        """
        self._size += len(chunk)
        if self._size > MAX_BODY:
            raise ModelFailure(413, f"The request exceeds {MAX_BODY >> 20} MiB.")
        values = chunk.count(b",") + chunk.count(b"[") + chunk.count(b"{")
        weight = len(chunk) + _VALUE * values
        if self._weight + weight > MAX_TOGETHER:
            raise ModelFailure(413, "The request has too many values.")
        if self._intake.taken + weight > MAX_TOGETHER:
            raise ModelFailure(429, "There are too many large requests at once.")
        self._weight += weight
        self._intake.taken += weight

    def drop(self) -> None:
        """Release the request's bytes."""
        self._intake.taken -= self._weight
        self._weight = 0

    def counting(self, receive: Receive) -> Receive:
        """Return an ASGI `receive` that counts body bytes, and raises `ModelFailure` above a limit."""

        async def counted() -> Message:
            message = await receive()
            self.add(message.get("body", b""))
            return message

        return counted


async def read_request(request: Request, dialect: Dialect, budget: RequestBudget) -> tuple[bytearray, dict[str, Any]]:
    """Return a request's body and its JSON object.

    Raises:
        ModelFailure: The request exceeds a limit, is invalid in this dialect, or its connection was closed.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            budget.add(chunk)
            body += chunk
    except ClientDisconnect:
        raise ModelFailure(400, "The connection was closed.") from None
    data = _parsed(body)
    problem = _shape(data) or (dialect.check(data) if isinstance(data, dict) else "the body must be a JSON object")
    if problem:
        raise ModelFailure(400, problem)
    return body, data


def _parsed(body: bytearray) -> Any:
    """Return a body's JSON, parsed by the faster parser, which refuses lone surrogates and deep nesting."""
    with contextlib.suppress(ValueError):
        return from_json(bytes(body), allow_inf_nan=True)
    try:
        # From bytes, `json.loads` would also accept UTF-16, UTF-32 and encoded lone surrogates.
        return without_lone_surrogates(json.loads(body.decode()), body)
    except (ValueError, RecursionError):
        raise ModelFailure(400, "The request's body is not valid JSON.") from None


def _shape(data: Any) -> str | None:
    """Return the problem with the size or nesting of JSON data, or None."""
    level: list[Any] = [[data]]
    parts = 0
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        parts += len(level)
        if parts > MAX_PARTS:
            return f"the body has more than {MAX_PARTS} objects and lists"
        if not level:
            return None
    return f"the body has more than {MAX_DEPTH} levels"


def without_lone_surrogates(data: Any, text: bytes | bytearray) -> Any:
    """Replace lone surrogates in JSON data: writing them to a log fails and ends the whole eval.

    Args:
        data: The parsed text.
        text: The JSON text, which can contain lone surrogates only as escapes.
    """
    if b"\\ud" not in text and b"\\uD" not in text:
        return data
    return json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
