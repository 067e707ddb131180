"""Takes in requests: whoever is in the sandbox may send anything, as often and as much as they like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from .dialects import Dialect

MAX_BODY = 64 << 20
"""Bytes of the largest request body that is read; the providers themselves take half of that, or less."""

MAX_CALL = 16 << 20
"""Bytes of the largest call of a host tool that is read."""

MAX_TOGETHER = 256 << 20
"""Bytes that the requests which a sample has under way may take together, with what their JSON becomes."""

MAX_DEPTH = 100
"""Levels of the deepest JSON that is served: a log cannot hold a request with more than 255."""

MAX_PARTS = 100_000
"""Objects and lists in a request: Inspect works on each of them, while the whole eval waits."""

_VALUE = 64  # bytes that the smallest JSON values become


@dataclass
class ModelFailure(Exception):
    """A request that failed, as the client may see it.

    Args:
        status: HTTP status.
        message: Text for the client: no host path, credential or traceback is in it.
    """

    status: int
    message: str


class Intake:
    """What the requests take that a sample has under way."""

    def __init__(self) -> None:
        self.taken = 0


class RequestBudget:
    """The share of one request, until it is dropped.

    Args:
        intake: What it is a share of.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._size = 0
        self._weight = 0

    def add(self, chunk: bytes) -> None:
        """Take in a piece of the body.

        Raises:
            ModelFailure: That is too much.
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
        """Give all of it back."""
        self._intake.taken -= self._weight
        self._weight = 0

    def counting(self, receive: Receive) -> Receive:
        """An ASGI `receive` that takes in what it receives; it raises `ModelFailure`."""

        async def counted() -> Message:
            message = await receive()
            self.add(message.get("body", b""))
            return message

        return counted


async def read_request(request: Request, dialect: Dialect, hold: RequestBudget) -> tuple[bytearray, dict[str, Any]]:
    """The request's body, and the JSON object in it.

    Raises:
        ModelFailure: It is too large, or not a request of this dialect.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            hold.add(chunk)
            body += chunk
    except ClientDisconnect:
        raise ModelFailure(400, "The connection was closed.") from None
    try:
        # The bytes themselves may be in another encoding, or hold half characters as if they were whole ones.
        data = without_lone_surrogates(json.loads(body.decode()), body)
    except (ValueError, RecursionError):
        raise ModelFailure(400, "The request's body is not valid JSON.") from None
    problem = _shape(data) or (dialect.check(data) if isinstance(data, dict) else "the body must be a JSON object")
    if problem:
        raise ModelFailure(400, problem)
    return body, data


def _shape(data: Any) -> str | None:
    """What is wrong with the shape of JSON data, if anything is."""
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
    """JSON data with half characters replaced: they cannot be written to a log, and would end the whole eval.

    Args:
        data: What the text says.
        text: The JSON text, in which a half character can only be an escape.
    """
    if b"\\ud" not in text and b"\\uD" not in text:
        return data
    return json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
