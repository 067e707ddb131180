"""Parts that several dialects share: server-sent events, tools of a request, OpenAI's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

COMMENT = b": keep-alive\n\n"
"""Server-sent comment that clients skip, except for Google's Python SDK (see `google.py`)."""

_TYPES: dict[type, str] = {str: "a string", list: "a list"}
_NESTED = ("tools", "functionDeclarations", "function_declarations")
_OPENAI_ERRORS: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def event(data: dict[str, Any], kind: str | None = None) -> bytes:
    """Encode a server-sent event.

    Args:
        data: The event's data, sent as JSON.
        kind: The event's name.
    """
    name = f"event: {kind}\n" if kind else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def problem(request: dict[str, Any], **fields: tuple[type, ...]) -> str | None:
    """Return the problem with a request, or None.

    Args:
        request: The request.
        **fields: The allowed types of each required field.
    """
    for field, types in fields.items():
        if not isinstance(request.get(field), types):
            return f"{field}: {' or '.join(_TYPES[kind] for kind in types)} is required"
    return None


class Common:
    """Base class of all dialects."""

    call_id = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.:-]*")

    def wants_stream(self, request: dict[str, Any]) -> bool:
        """Return whether to send the reply as a stream."""
        return request.get("stream") is True

    def plain(self, reply: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the JSON body of a complete reply."""
        return reply

    def tool_names(self, request: dict[str, Any]) -> set[str]:
        """Return the names of the tools that a request offers, as `namespace__tool` for a tool in a namespace."""
        return {name for tools in self._tool_lists(request) for name in _names(tools)}

    def without_tools(self, request: dict[str, Any], withheld: Callable[[str], bool]) -> None:
        """Remove tools from a request.

        Args:
            request: The request, modified in place.
            withheld: Returns whether to remove the tool of a given name.
        """
        for tools in self._tool_lists(request):
            tools[:] = _permitted(tools, withheld)

    def _tool_lists(self, request: dict[str, Any]) -> Iterator[list[Any]]:
        if isinstance(request.get("tools"), list):
            yield request["tools"]


class OpenAI(Common):
    """Base class of OpenAI's dialects."""

    ping = COMMENT

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the body of an error reply."""
        default = ("server_error", None) if status >= 500 else ("invalid_request_error", None)
        kind, code = _OPENAI_ERRORS.get(status, default)
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _name(tool: dict[str, Any]) -> str:
    for holder in (tool, tool.get("function"), tool.get("custom")):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return str(holder["name"])
    return ""


def _group(tool: Any) -> str | None:
    """Return the key of a tool group's list of tools, or None for a single tool."""
    return next((key for key in _NESTED if isinstance(tool, dict) and isinstance(tool.get(key), list)), None)


def _inside(tool: dict[str, Any], prefix: str) -> str:
    """Return the name prefix of the tools in a group."""
    name = _name(tool)
    return prefix + name + ("" if not name or name.endswith("__") else "__")


def _names(tools: list[Any], prefix: str = "") -> Iterator[str]:
    for tool in tools:
        if key := _group(tool):
            yield from _names(tool[key], _inside(tool, prefix))
        elif isinstance(tool, dict) and _name(tool):
            yield prefix + _name(tool)


def freeform_names(tools: list[Any]) -> Iterator[str]:
    """Yield the names of tools that take free text instead of arguments (OpenAI's custom tools)."""
    for tool in tools:
        if key := _group(tool):
            yield from freeform_names(tool[key])
        elif isinstance(tool, dict) and tool.get("type") == "custom" and _name(tool):
            yield _name(tool)


def _permitted(tools: list[Any], withheld: Callable[[str], bool], prefix: str = "") -> list[Any]:
    permitted: list[Any] = []
    for tool in tools:
        if key := _group(tool):
            inner = _permitted(tool[key], withheld, _inside(tool, prefix))
            # Remove a group that becomes empty, so that the model doesn't see its name.
            permitted += [{**tool, key: inner}] if inner or not tool[key] else []
        elif not (isinstance(tool, dict) and _name(tool) and withheld(prefix + _name(tool))):
            permitted.append(tool)
    return permitted
