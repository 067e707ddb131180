"""Recorded requests and replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Speaker = Literal["root", "sub-agent", "compaction", "side", "probe"]
"""The conversation of a request, as far as the script can tell. A probe is a request of Inspect's own."""


@dataclass(frozen=True)
class Prompt:
    """The part of a request by which the script recognizes its conversation.

    Args:
        opening: Text of the system prompt and of the user's messages before the model's first one.
        last: Text of the last user message.
        result: The last tool result, as JSON.
    """

    opening: str
    last: str
    result: str


@dataclass
class Exchange:
    """A request to the model provider, or to the bridge, and its reply.

    Args:
        method: HTTP method.
        path: Path and query.
        headers: Headers, with names in lower case.
        body: Parsed JSON body; None without one.
        dialect: Wire format; empty for other requests, such as lists of models.
        speaker: Conversation of the request.
        status: Status of the reply.
        reply: Bytes of the reply's body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    dialect: str = ""
    speaker: Speaker = "side"
    status: int = 0
    reply: bytes = b""


@dataclass
class Recording:
    """Everything recorded in one run.

    Args:
        provider: Exchanges with the model provider.
        cli: Exchanges with the CLI, in the same order if nothing lies between the two.
        error: Error of the run, if any.
        version: The CLI's version.
    """

    provider: list[Exchange] = field(default_factory=list)
    cli: list[Exchange] = field(default_factory=list)
    error: str | None = None
    version: str = ""

    def calls(self) -> list[Exchange]:
        """Return the provider's exchanges that ask the model for an answer."""
        return [each for each in self.provider if each.dialect and each.speaker != "probe"]
