"""What several dialects share: server-sent events, the tools of a request, OpenAI's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

COMMENT = b": keep-alive\n\n"
"""Server-sent events that clients skip, except for Google's Python SDK (see `google.py`)."""

_TYPES: dict[type, str] = {str: "a string", list: "a list"}
_NESTED = ("tools", "functionDeclarations", "function_declarations")
_OPENAI_ERRORS: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def event(data: dict[str, Any], kind: str | None = None) -> bytes:
    """A server-sent event.

    Args:
        data: Its data, sent as JSON.
        kind: Its name.
    """
    name = f"event: {kind}\n" if kind else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def problem(request: dict[str, Any], **fields: tuple[type, ...]) -> str | None:
    """What is wrong with a request, if anything is.

    Args:
        request: The request.
        **fields: The types that a field may have.
    """
    for field, types in fields.items():
        if not isinstance(request.get(field), types):
            return f"{field}: {' or '.join(_TYPES[kind] for kind in types)} is required"
    return None


class Common:
    """What most dialects have in common."""

    call_id = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.:-]*")

    def wants_stream(self, request: dict[str, Any]) -> bool:
        """Whether the reply is to be a stream."""
        return request.get("stream") is True

    def plain(self, reply: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """A complete reply as a JSON body."""
        return reply

    def tool_names(self, request: dict[str, Any]) -> set[str]:
        """Names of the tools that a request offers; of a tool in a namespace, `namespace__tool`."""
        return {name for tools in self._tool_lists(request) for name in _names(tools)}

    def without_tools(self, request: dict[str, Any], withheld: Callable[[str], bool]) -> None:
        """Take tools out of a request.

        Args:
            request: The request, which is changed.
            withheld: Says of a tool's name whether the tool is taken out.
        """
        for tools in self._tool_lists(request):
            tools[:] = _kept(tools, withheld)

    def _tool_lists(self, request: dict[str, Any]) -> Iterator[list[Any]]:
        if isinstance(request.get("tools"), list):
            yield request["tools"]


class OpenAI(Common):
    """What OpenAI's dialects have in common."""

    ping = COMMENT

    def error(self, status: int, message: str) -> dict[str, Any]:
        """The body of an error reply."""
        default = ("server_error", None) if status >= 500 else ("invalid_request_error", None)
        kind, code = _OPENAI_ERRORS.get(status, default)
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _name(tool: dict[str, Any]) -> str:
    for holder in (tool, tool.get("function"), tool.get("custom")):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return str(holder["name"])
    return ""


def _group(tool: Any) -> str | None:
    """The key under which a tool holds other tools."""
    return next((key for key in _NESTED if isinstance(tool, dict) and isinstance(tool.get(key), list)), None)


def _inside(tool: dict[str, Any], prefix: str) -> str:
    """The prefix of the tools in a group."""
    name = _name(tool)
    return prefix + name + ("" if not name or name.endswith("__") else "__")


def _names(tools: list[Any], prefix: str = "") -> Iterator[str]:
    for tool in tools:
        if key := _group(tool):
            yield from _names(tool[key], _inside(tool, prefix))
        elif isinstance(tool, dict) and _name(tool):
            yield prefix + _name(tool)


def freeform_names(tools: list[Any]) -> Iterator[str]:
    """The names of the tools that take any text instead of arguments (OpenAI's custom tools)."""
    for tool in tools:
        if key := _group(tool):
            yield from freeform_names(tool[key])
        elif isinstance(tool, dict) and tool.get("type") == "custom" and _name(tool):
            yield _name(tool)


def _kept(tools: list[Any], withheld: Callable[[str], bool], prefix: str = "") -> list[Any]:
    kept: list[Any] = []
    for tool in tools:
        if key := _group(tool):
            inner = _kept(tool[key], withheld, _inside(tool, prefix))
            # A group of which nothing is left is one the model should not hear of either.
            kept += [{**tool, key: inner}] if inner or not tool[key] else []
        elif not (isinstance(tool, dict) and _name(tool) and withheld(prefix + _name(tool))):
            kept.append(tool)
    return kept
