"""What requests are changed in before Inspect's handlers, which are stricter than the providers, read them."""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any, Literal

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


def plain_descriptions(tools: Any) -> None:
    """Leave out that a tool is an MCP server's: Inspect knows its own tools by what it has said of them itself."""
    for tool in tools if isinstance(tools, list) else []:
        functions = tool.get("functionDeclarations") if isinstance(tool, dict) else None
        for function in functions if isinstance(functions, list) else []:
            if isinstance(function, dict) and isinstance(said := function.get("description"), str):
                function["description"] = _FROM_SERVER.sub("", said)


def plain_choice(request: dict[str, Any]) -> None:
    """Have the model choose between the tools where "validated" says so, which is Google's word for it."""
    if request.get("tool_choice") == "validated":
        request["tool_choice"] = "auto"


def plain_images(contents: list[Any]) -> None:
    """Write images in the base64 of data URLs: Google's SDKs use its URL-safe alphabet, which Inspect passes on."""
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else []:
            data = part.get("inlineData") if isinstance(part, dict) else None
            if isinstance(data, dict) and isinstance(data.get("data"), str):
                data["data"] = data["data"].replace("-", "+").replace("_", "/")


def plain_texts(contents: list[Any]) -> None:
    """Write documents of plain text as text: of what else is in a request, Inspect reads images only."""
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else []:
            data = part.get("inlineData") if isinstance(part, dict) else None
            if isinstance(data, dict) and data.get("mimeType") == "text/plain" and isinstance(data.get("data"), str):
                with contextlib.suppress(ValueError):
                    part["text"] = base64.b64decode(data["data"]).decode(errors="replace")
                    del part["inlineData"]


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
