"""Wire formats of the model providers, for replies, streams and errors.

A dialect converts plain values to bytes, independently of transport and Inspect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

from ..._inspect.requests import DialectName


class Dialect(Protocol):
    """Wire format of a provider's API, for one request.

    Args:
        name: Name of the API, which selects the request's handler.
        ping: Keep-alive bytes in a stream, which clients ignore.
        call_id: Matches legal ids of tool calls. Clients also name files after them.
    """

    name: DialectName
    ping: bytes
    call_id: re.Pattern[str]

    def check(self, request: dict[str, Any]) -> str | None:
        """Return the problem with a request, or None."""

    def wants_stream(self, request: dict[str, Any]) -> bool:
        """Return whether to send the reply as a stream."""

    def tool_names(self, request: dict[str, Any]) -> set[str]:
        """Return the names of the tools that a request offers."""

    def without_tools(self, request: dict[str, Any], withheld: Callable[[str], bool]) -> None:
        """Remove the tools whose names match `withheld` from a request."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the body of an error reply."""

    def error_event(self, status: int, message: str) -> bytes:
        """Encode an error for a stream that has started."""

    def plain(self, reply: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the JSON body of a complete reply."""

    def opening(self, request: dict[str, Any]) -> bytes:
        """Return the beginning of a stream, sent before the reply is complete."""

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """Yield a complete reply as a stream, without its beginning if `opened`."""


serving_dialect: ContextVar[Dialect | None] = ContextVar("dialect of the request", default=None)
