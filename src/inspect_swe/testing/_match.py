"""Matching of script steps to the tools in a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from inspect_ai.tool import ToolInfo
from inspect_ai.util import JSONSchema

from .._inspect.requests import namespace_of
from ._errors import ScriptError

# Names as returned by `_plain`, most common first.
SHELL_TOOLS = (
    "bash",
    "exec_command",
    "shell",
    "shell_command",
    "run_shell_command",
    "execute_bash",
    "local_shell",
    "container_exec",
    "run_command",
    "execute_command",
    "run_terminal_cmd",
    "terminal",
)
COMMAND_PARAMETERS = ("command", "CommandLine", "cmd", "commands", "script", "input")


def shell_call(tools: Sequence[ToolInfo], command: str) -> tuple[str, dict[str, Any]]:
    """Return the name and arguments of the tool call that runs a command line.

    Args:
        tools: The offered tools.
        command: The command line.

    Raises:
        ScriptError: None of the tools is a shell.
    """
    for tool in _shell_tools(tools):
        parameter = next((name for name in COMMAND_PARAMETERS if name in tool.parameters.properties), None)
        if parameter is not None:
            return tool.name, _shell_arguments(tool, parameter, command)
    raise _not_offered("a shell tool", tools)


def find_tool(tools: Sequence[ToolInfo], query: str) -> str:
    """Return the name of the offered tool that a `call` step calls.

    Args:
        tools: The offered tools.
        query: `tool` or `server/tool`.

    Raises:
        ScriptError: No tool matches, or several do.
    """
    if any(tool.name == query for tool in tools):
        return query
    server, _, name = query.rpartition("/")
    pool = [tool for tool in tools if not server or _belongs(tool, server, name)]
    ranks = (
        lambda tool: tool.name == name,
        lambda tool: _plain(tool.name) == _plain(name),
        lambda tool: re.search(rf"(__|[./:]){re.escape(name)}$", tool.name, re.IGNORECASE) is not None,
        lambda tool: _plain(tool.name).endswith(f"_{_plain(name)}"),
    )
    for fits in ranks:
        matches = sorted({tool.name for tool in pool if fits(tool)})
        if len(matches) > 1:
            raise ScriptError(
                f"The script calls '{query}', which matches several tools: {', '.join(matches)}.",
                hint="Use the full name, or 'server/tool'.",
            )
        if matches:
            return matches[0]
    raise _not_offered(f"the tool '{query}'", tools)


def plain_value(schema: JSONSchema, name: str = "", text: str = "scripted") -> Any:
    """Return a harmless value that matches a JSON schema.

    Args:
        schema: The schema.
        name: Name of the parameter, from which harmless folders and times are inferred.
        text: Value of strings.
    """
    if schema.default is not None:
        return schema.default
    if schema.enum:
        return schema.enum[0]
    if schema.anyOf:
        return plain_value(schema.anyOf[0], name, text)
    match _types(schema)[0]:
        case "string":
            return "." if re.search(r"(^|_)(cwd|workdir|dir|directory|dir_path)$", _plain(name)) else text
        case "integer" | "number":
            return _plain_number(schema, name)
        case "boolean":
            return False
        case "array":
            return []
        case "object":
            properties = schema.properties or {}
            required = schema.required if schema.required is not None else list(properties)
            return {key: plain_value(properties[key], key, text) for key in required if key in properties}
        case _:
            return None


def _shell_tools(tools: Sequence[ToolInfo]) -> list[ToolInfo]:
    whole = [tool for name in SHELL_TOOLS for tool in tools if _plain(tool.name) == name]
    prefixed = [tool for name in SHELL_TOOLS for tool in tools if _plain(tool.name).endswith(f"_{name}")]
    return whole + prefixed


def _shell_arguments(tool: ToolInfo, parameter: str, command: str) -> dict[str, Any]:
    properties = tool.parameters.properties
    types = _types(properties[parameter])
    as_words = "array" in types and "string" not in types
    arguments: dict[str, Any] = {parameter: ["sh", "-c", command] if as_words else command}
    for name in tool.parameters.required:
        if name not in arguments and name in properties:
            arguments[name] = plain_value(properties[name], name, "Run a scripted command")
    return arguments


def _belongs(tool: ToolInfo, server: str, name: str) -> bool:
    joined = f"_{_plain(tool.name)}"
    if joined.endswith(f"_{_plain(server)}_{_plain(name)}"):
        return True
    namespace = namespace_of(tool)
    return namespace is not None and f"_{_plain(namespace)}".endswith(f"_{_plain(server)}")


def _types(schema: JSONSchema) -> list[str]:
    if isinstance(schema.type, str):
        return [schema.type]
    own: list[str] = list(schema.type or [])
    return own + [kind for option in schema.anyOf or [] for kind in _types(option)] or ["string"]


def _plain_number(schema: JSONSchema, name: str) -> int | float:
    value: int | float = 1
    if re.search("^wait.?ms", name, re.IGNORECASE):
        value = 10_000
    elif "timeout" in name.lower():
        milliseconds = name.lower().endswith("ms") or "millisecond" in (schema.description or "").lower()
        value = 120_000 if milliseconds else 120
    if schema.minimum is not None:
        value = max(value, schema.minimum)
    return value if schema.maximum is None else min(value, schema.maximum)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _not_offered(what: str, tools: Sequence[ToolInfo]) -> ScriptError:
    names = ", ".join(tool.name for tool in tools) or "none"
    return ScriptError(f"The script calls {what}, which the request does not offer. Offered tools: {names}.")
