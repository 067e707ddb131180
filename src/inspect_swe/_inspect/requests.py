"""Changes to requests for Inspect's handlers, which are stricter than the providers."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from inspect_ai.tool import ToolInfo

DialectName = Literal["anthropic", "completions", "google", "responses"]
"""APIs that the bridge serves."""

_FROM_SERVER = re.compile(r"^This is a tool from the \S+ MCP server\.\n+")


def describe_functions(tools: Any) -> None:
    """Fill in function fields that OpenAI makes optional and Inspect's handlers require."""
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, dict) and tool.get("type") == "namespace":
            describe_functions(tool.get("tools"))
        elif isinstance(tool, dict) and tool.get("type") == "function":
            nested = tool.get("function")
            function = nested if isinstance(nested, dict) else tool
            function["description"] = function.get("description") or ""
            function["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}


def namespace_of(tool: ToolInfo) -> str | None:
    """Return the namespace of a Responses API tool, which Inspect stores as an option instead of in the name."""
    for key, value in (tool.options or {}).items():
        if "namespace" in key:
            return str(value[0] if isinstance(value, (list, tuple)) and value else value)
    return None


def full_name(tool: ToolInfo) -> str:
    """Return a tool's name as in the request."""
    namespace = namespace_of(tool)
    return tool.name if namespace is None else f"{namespace}__{tool.name}"


def google_functions(tools: Any) -> Iterator[dict[str, Any]]:
    """Yield the functions that a Gemini request declares."""
    for tool in tools if isinstance(tools, list) else []:
        functions = tool.get("functionDeclarations") if isinstance(tool, dict) else None
        yield from (each for each in (functions if isinstance(functions, list) else []) if isinstance(each, dict))


def plain_descriptions(tools: Any) -> None:
    """Remove the MCP server note from descriptions, by which Inspect recognizes its own tools."""
    for function in google_functions(tools):
        if isinstance(said := function.get("description"), str):
            function["description"] = _FROM_SERVER.sub("", said)


def plain_choice(request: dict[str, Any]) -> None:
    """Replace the tool choice "validated", Google's term, with "auto"."""
    if request.get("tool_choice") == "validated":
        request["tool_choice"] = "auto"


def plain_images(contents: list[Any]) -> None:
    """Convert data from URL-safe base64, which Google's SDKs send and Inspect passes on, to that of data URLs."""
    for part in _parts_with_data(contents):
        data = part["inlineData"]
        data["data"] = data["data"].replace("-", "+").replace("_", "/")


def plain_texts(contents: list[Any]) -> None:
    """Convert plain-text documents to text parts, as Inspect reads only images from inline data."""
    for part in _parts_with_data(contents):
        if part["inlineData"].get("mimeType") == "text/plain":
            with contextlib.suppress(ValueError):
                part["text"] = base64.b64decode(part["inlineData"]["data"]).decode(errors="replace")
                del part["inlineData"]


def _parts_with_data(contents: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of a Gemini request with inline data, rather than a URL."""
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else []:
            data = part.get("inlineData") if isinstance(part, dict) else None
            if isinstance(data, dict) and isinstance(data.get("data"), str):
                yield part


def answered_once(contents: list[Any]) -> None:
    """Remove repeated results of a call: a CLI that resumes its session may send each tool result twice."""
    answered: set[str] = set()

    def repeats(part: Any) -> bool:
        response = part.get("functionResponse") if isinstance(part, dict) else None
        call = response.get("id") if isinstance(response, dict) else None
        if not isinstance(call, str):
            return False
        known = call in answered
        answered.add(call)
        return known

    for content in contents:
        if isinstance(content, dict) and isinstance(content.get("parts"), list):
            content["parts"] = [part for part in content["parts"] if not repeats(part)]
    contents[:] = [content for content in contents if not isinstance(content, dict) or content.get("parts") != []]
