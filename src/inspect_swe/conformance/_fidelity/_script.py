"""Answers of the fake provider: what the model does in a conversation, independent of the wire format."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from inspect_ai.tool import ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from ...testing._match import find_tool, shell_call
from ...testing._steps import Call, Shell

Maker: TypeAlias = Callable[[Sequence[ToolInfo], str], "tuple[str, dict[str, Any]]"]
"""Returns the name and arguments of a call, given the offered tools and the last tool result as JSON."""


@dataclass(frozen=True)
class Answer:
    """An answer of the model.

    Args:
        text: Its text.
        calls: Its tool calls.
        thinking: Its reasoning, which is sent if the request allows reasoning.
        redacted: Whether it also has reasoning that the vendor encrypts.
        full: Whether its usage reports a context that is nearly full, so that the CLI compacts the conversation.
    """

    text: str = ""
    calls: tuple[Shell | Call | Maker, ...] = ()
    thinking: str | None = None
    redacted: bool = False
    full: bool = False


@dataclass(frozen=True)
class MadeCall:
    """A tool call as it is sent to the CLI."""

    id: str
    name: str
    arguments: dict[str, Any]

    @property
    def json(self) -> str:
        """The arguments as JSON, spelled as the vendors' models do: with spaces and non-ASCII characters."""
        return json.dumps(self.arguments, ensure_ascii=False)


def call_of(call: Shell | Call | Maker, tools: Sequence[ToolInfo], result: str) -> tuple[str, dict[str, Any]]:
    """Return the name and arguments of a call.

    Args:
        call: The call of a script.
        tools: The offered tools.
        result: The last tool result.

    Raises:
        ScriptError: No offered tool fits.
    """
    match call:
        case Shell():
            return shell_call(tools, call.command)
        case Call():
            return find_tool(tools, call.tool), dict(call.arguments)
        case _:
            return call(tools, result)


def tool_info(name: str, description: str, schema: Any, namespace: str | None = None) -> ToolInfo:
    """Return the part of an offered tool by which the script finds it and fills in its arguments."""
    given = schema if isinstance(schema, dict) else {}
    properties = given.get("properties") or {}
    return ToolInfo(
        name=name,
        description=description,
        parameters=ToolParams(
            properties={key: plain_schema(value) for key, value in properties.items()},
            required=[key for key in given.get("required") or [] if key in properties],
        ),
        options={"namespace": namespace} if namespace else None,
    )


def plain_schema(schema: Any) -> JSONSchema:
    """Return the parts of a JSON schema that matter for a plain value of it."""
    given = schema if isinstance(schema, dict) else {}
    kinds = given.get("type")
    kind = next((each for each in kinds if each != "null"), None) if isinstance(kinds, list) else kinds
    kind = kind.lower() if isinstance(kind, str) else None
    properties = given.get("properties") or {}
    return JSONSchema.model_validate(
        {
            "type": kind if kind in _TYPES else None,
            "description": given.get("description"),
            "enum": given.get("enum"),
            "default": given.get("default"),
            "properties": {key: plain_schema(value) for key, value in properties.items()} or None,
            "required": [key for key in given.get("required") or [] if key in properties] or None,
        }
    )


_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object"})
