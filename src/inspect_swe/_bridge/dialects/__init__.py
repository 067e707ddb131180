"""Wire formats of the model providers: how a reply, a stream and an error look.

A dialect knows no transport and no Inspect: plain values in, bytes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

from ..._inspect.requests import DialectName


class Dialect(Protocol):
    """One provider's wire format, for one request.

    Args:
        name: Whose handler serves the request.
        ping: Bytes a streaming client ignores, sent while the model thinks.
        call_id: Matches the ids that a tool call may have. Clients also name files after them.
    """

    name: DialectName
    ping: bytes
    call_id: re.Pattern[str]

    def check(self, request: dict[str, Any]) -> str | None:
        """What is wrong with a request, if anything is."""

    def wants_stream(self, request: dict[str, Any]) -> bool:
        """Whether the reply is to be a stream."""

    def tool_names(self, request: dict[str, Any]) -> set[str]:
        """Names of the tools that a request offers."""

    def without_tools(self, request: dict[str, Any], withheld: Callable[[str], bool]) -> None:
        """Take out of a request the tools of whose names `withheld` is true."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """The body of an error reply."""

    def error_event(self, status: int, message: str) -> bytes:
        """An error inside a stream that has begun."""

    def plain(self, reply: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """A complete reply as a JSON body."""

    def opening(self, request: dict[str, Any]) -> bytes:
        """The beginning of a stream whose reply is not there yet."""

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """A complete reply as a stream (without its beginning, if that was sent)."""


serving_dialect: ContextVar[Dialect | None] = ContextVar("dialect of the request", default=None)
