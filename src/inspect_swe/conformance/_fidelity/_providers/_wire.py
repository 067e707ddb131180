"""The interface of the wire formats, and what they have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inspect_ai.tool import ToolInfo

from .._record import Prompt
from .._script import Answer, MadeCall

MODEL_TOKENS = 4
"""Characters per token, by which usage is estimated."""


@dataclass(frozen=True)
class Usage:
    """Tokens of an exchange.

    Args:
        prompt: All tokens of the prompt.
        read: Those of them that the provider's cache held.
        written: Those of them that were written to the cache.
        output: Tokens of the answer.
    """

    prompt: int
    read: int
    written: int
    output: int


@dataclass(frozen=True)
class Reply:
    """An answer to be sent.

    Args:
        answer: The script's answer.
        calls: Its calls, with ids.
        usage: Its usage.
        number: Its number, from which its ids are derived.
        model: The model that the request names.
    """

    answer: Answer
    calls: Sequence[MadeCall]
    usage: Usage
    number: int
    model: str


class Wire(Protocol):
    """A provider's wire format."""

    name: str

    def tools(self, body: dict[str, Any]) -> list[ToolInfo]:
        """Return the offered tools."""

    def prompt(self, body: dict[str, Any]) -> Prompt:
        """Return the texts by which a conversation is recognized."""

    def schema(self, body: dict[str, Any]) -> Any:
        """Return the JSON schema of the answer that the request asks for, or None."""

    def problem(self, body: dict[str, Any]) -> str | None:
        """Return the reason for which the vendor's server rejects the request, or None."""

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Return whether the reply is a stream."""

    def whole(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """Return a reply as one object."""

    def stream(self, body: dict[str, Any], reply: Reply) -> Iterable[bytes]:
        """Yield a reply as server-sent events."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error reply."""

    def received(self, reply: bytes) -> dict[str, Any]:
        """Return a reply, plain or streamed, as one object in this module's own terms."""


def event(data: Any, name: str | None = None) -> bytes:
    """Return one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def events(reply: bytes) -> list[dict[str, Any]]:
    """Return the data of server-sent events; a plain JSON reply counts as one event."""
    text = reply.decode(errors="replace")
    if text.lstrip().startswith("{"):
        return [json.loads(text)]
    data = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
    return [json.loads(each) for each in data if each and each != "[DONE]"]


def pieces(text: str, size: int = 24) -> list[str]:
    """Split a text into the pieces of a stream; one empty piece for an empty text."""
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]


def text_of(content: Any) -> str:
    """Return the text of a message's content: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
