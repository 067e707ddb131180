"""Namespaces of the Responses API, which other APIs lack: tools of MCP servers get names that include the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

_MCP = "mcp__"
_MAX_NAME = 64
"""The maximum length of a tool's name in other providers' APIs."""


def flat_tools(tools: Iterable[Any]) -> Iterator[Any]:
    """Yield tools, with the functions of MCP servers' namespaces as functions of their own.

    Without the server's name, tools of the same name of two servers would be one tool for the model.
    """
    for tool in tools:
        inner = _functions(tool)
        yield from ({**function, "name": _flat(tool["name"], function["name"])} for function in inner)
        rest = [each for each in tool.get("tools") or [] if each not in inner] if inner else []
        if rest or not inner:
            yield {**tool, "tools": rest} if rest else tool


def flat_call(item: Any) -> Any:
    """Return an item, with the flat name if it calls a function of an MCP server's namespace."""
    if not isinstance(item, dict) or item.get("type") != "function_call" or not _is_mcp(item.get("namespace")):
        return item
    plain = {name: value for name, value in item.items() if name != "namespace"}
    return {**plain, "name": _flat(item["namespace"], str(item.get("name")))}


def with_namespaces(items: Iterable[dict[str, Any]], tools: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield items, with the namespaces of calls that have flat names.

    Args:
        items: Items of a reply.
        tools: The tools that the client declares.
    """
    names = {
        _flat(tool["name"], function["name"]): {"namespace": tool["name"], "name": function["name"]}
        for tool in tools
        for function in _functions(tool)
    }
    for item in items:
        known = names.get(str(item.get("name"))) if item.get("type") == "function_call" else None
        yield {**item, **known} if known else item


def _functions(tool: Any) -> list[dict[str, Any]]:
    """Return the functions of an MCP server's namespace."""
    if not isinstance(tool, dict) or tool.get("type") != "namespace" or not _is_mcp(tool.get("name")):
        return []
    return [
        each
        for each in tool.get("tools") or []
        if isinstance(each, dict) and each.get("type") == "function" and isinstance(each.get("name"), str)
    ]


def _is_mcp(namespace: Any) -> bool:
    return isinstance(namespace, str) and namespace.startswith(_MCP)


def _flat(namespace: str, name: str) -> str:
    whole = f"{namespace.rstrip('_')}__{name}"
    if len(whole) <= _MAX_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{whole[: _MAX_NAME - 13]}_{digest}"
