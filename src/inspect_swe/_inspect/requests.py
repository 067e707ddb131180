"""Changes to requests for Inspect's handlers, which are stricter than the providers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from inspect_ai.model import Model, ModelName

if TYPE_CHECKING:
    from inspect_ai.tool import ToolInfo

DialectName = Literal["anthropic", "completions", "google", "responses"]
"""APIs that the bridge serves."""

_SUFFIX = re.compile(r"(\[\w+\]|[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)|:[\w.-]+)$")
"""What a model's name may end with in some places only: a context window, a date, a tag."""


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


def is_expected_model(requested: str, model: Model) -> bool:
    """Return whether a model is the one that a CLI requests, regardless of provider, date and notation.

    Args:
        requested: The model's name in the CLI's request.
        model: The model that serves the request.
    """
    return _plain(requested) == _plain(ModelName(model).name)


def _plain(name: str) -> str:
    name = name.rsplit("/", 1)[-1].lower()
    while (shorter := _SUFFIX.sub("", name)) != name:
        name = shorter
    return name.replace(".", "-").replace("_", "-")
