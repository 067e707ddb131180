"""What requests are changed in before Inspect's handlers, which are stricter than the providers, read them."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from inspect_ai.tool import ToolInfo

DialectName = Literal["anthropic", "completions", "google", "responses"]
"""The APIs that the bridge serves."""

_FROM_SERVER = re.compile(r"^This is a tool from the \S+ MCP server\.\n+")


def describe_functions(tools: Any) -> None:
    """Fill in what OpenAI lets a function leave out, and Inspect's handlers ask for."""
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, dict) and tool.get("type") == "namespace":
            describe_functions(tool.get("tools"))
        elif isinstance(tool, dict) and tool.get("type") == "function":
            nested = tool.get("function")
            function = nested if isinstance(nested, dict) else tool
            function["description"] = function.get("description") or ""
            function["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}


def namespace_of(tool: ToolInfo) -> str | None:
    """The namespace of a Responses API tool, which Inspect drops from its name and keeps as an option."""
    for key, value in (tool.options or {}).items():
        if "namespace" in key:
            return str(value[0] if isinstance(value, (list, tuple)) and value else value)
    return None


def full_name(tool: ToolInfo) -> str:
    """A tool's name, as the request has it."""
    namespace = namespace_of(tool)
    return tool.name if namespace is None else f"{namespace}__{tool.name}"


def google_functions(tools: Any) -> Iterator[dict[str, Any]]:
    """The functions that a Gemini request declares."""
    for tool in tools if isinstance(tools, list) else []:
        functions = tool.get("functionDeclarations") if isinstance(tool, dict) else None
        yield from (each for each in (functions if isinstance(functions, list) else []) if isinstance(each, dict))


def plain_descriptions(tools: Any) -> None:
    """Leave out that a tool is an MCP server's: Inspect knows its own tools by what it has said of them itself."""
    for function in google_functions(tools):
        if isinstance(said := function.get("description"), str):
            function["description"] = _FROM_SERVER.sub("", said)


def plain_choice(request: dict[str, Any]) -> None:
    """Have the model choose between the tools where "validated" says so, which is Google's word for it."""
    if request.get("tool_choice") == "validated":
        request["tool_choice"] = "auto"


def plain_images(contents: list[Any]) -> None:
    """Write images in the base64 of data URLs: Google's SDKs use its URL-safe alphabet, which Inspect passes on."""
    for part in _parts_with_data(contents):
        data = part["inlineData"]
        data["data"] = data["data"].replace("-", "+").replace("_", "/")


def plain_texts(contents: list[Any]) -> None:
    """Write documents of plain text as text: of what else is in a request, Inspect reads images only."""
    for part in _parts_with_data(contents):
        if part["inlineData"].get("mimeType") == "text/plain":
            with contextlib.suppress(ValueError):
                part["text"] = base64.b64decode(part["inlineData"]["data"]).decode(errors="replace")
                del part["inlineData"]


def _parts_with_data(contents: list[Any]) -> Iterator[dict[str, Any]]:
    """The parts of a Gemini request that hold data themselves, rather than an address."""
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else []:
            data = part.get("inlineData") if isinstance(part, dict) else None
            if isinstance(data, dict) and isinstance(data.get("data"), str):
                yield part


def answered_once(contents: list[Any]) -> None:
    """Leave out repeated answers to a call: a CLI that resumes its session may hand over each tool result twice."""
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
