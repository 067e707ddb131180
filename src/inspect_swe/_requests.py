"""What requests are changed in before Inspect's handlers, which are stricter than the providers, read them."""

from __future__ import annotations

from typing import Any, Literal

DialectName = Literal["anthropic", "completions", "google", "responses"]
"""The APIs that the bridge serves."""


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


def plain_images(contents: list[Any]) -> None:
    """Write images in the base64 of data URLs: Google's SDKs use its URL-safe alphabet, which Inspect passes on."""
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else []:
            data = part.get("inlineData") if isinstance(part, dict) else None
            if isinstance(data, dict) and isinstance(data.get("data"), str):
                data["data"] = data["data"].replace("-", "+").replace("_", "/")


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
