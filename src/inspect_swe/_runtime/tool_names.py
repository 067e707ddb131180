"""Names of MCP tools in model requests: each CLI has its own rules for characters, length and collisions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inspect_ai.tool import MCPServerConfigStdio, ToolDef

from .._bridge.settings import OfferedTools
from .._contract.adapter import Adapter
from .._contract.options import AgentOptions
from .._errors import AgentOptionError


def offered_tools(adapter: Adapter, options: AgentOptions) -> dict[str, OfferedTools]:
    """Return the tools that the CLI offers, by the names of their servers.

    Raises:
        AgentOptionError: The CLI drops a tool because of its name, or gives two tools the same name.
    """
    servers: dict[str, tuple[list[str] | None, str | None]] = {}
    for each in options.mcp_servers:
        command = each.command if isinstance(each, MCPServerConfigStdio) else None
        servers[each.name] = (None if each.tools == "all" else list(each.tools), command)
    for spec in options.bridged_tools:
        servers[spec.name] = ([ToolDef(tool).name for tool in spec.tools], None)
    _check_prefixes(adapter, list(servers))
    offered, owners = dict[str, OfferedTools](), dict[str, str]()
    for server, (tools, command) in servers.items():
        if tools is None:
            _check_name(adapter, server, "x")  # Stands for the shortest names.
        names = None if tools is None else _names(adapter, server, tools, owners)
        offered[server] = OfferedTools(adapter.tool_prefix(server), names, command)
    return offered


def _names(adapter: Adapter, server: str, tools: Sequence[str], owners: dict[str, str]) -> dict[str, str]:
    """Return the tools of a server by their names in a model request, and add these names to `owners`."""
    plain = [_check_name(adapter, server, tool) for tool in tools]
    names = {}
    for tool, name in zip(tools, plain, strict=True):
        if plain.count(name) > 1:
            name = adapter.twin_name(server, tool) or name
        if name in adapter.tools:
            raise AgentOptionError(
                f"{adapter.label} has a tool {name!r} of its own, and offers the tool {tool!r} of the MCP server "
                f"{server!r} by the same name.",
                hint="rename the server or its tool.",
            )
        other = owners.setdefault(name, f"{server}/{tool}")
        if other != f"{server}/{tool}":
            raise AgentOptionError(
                f"{adapter.label} offers the MCP tools {other!r} and '{server}/{tool}' by the same name, {name!r}.",
                hint="rename one of them.",
            )
        names[name] = tool
    return names


def _check_name(adapter: Adapter, server: str, tool: str) -> str:
    """Return the name of a tool in a model request, or raise an error if the CLI drops the tool."""
    name = adapter.tool_name(server, tool)
    if name is None:
        raise AgentOptionError(
            f"{adapter.label} does not offer the tool {tool!r} of the MCP server {server!r} to the model: its name is "
            "too long, or has a character that is not allowed.",
            hint="give the tool or the server a shorter name, of letters, digits and _.",
        )
    return name


def _check_prefixes(adapter: Adapter, servers: Sequence[str]) -> None:
    owners: dict[str | None, str] = {}
    for server in servers:
        name = adapter.tool_name(server, "")
        other = owners.setdefault(name, server)
        if other != server and name is not None:
            raise AgentOptionError(
                f"{adapter.label} gives the MCP servers {other!r} and {server!r} the same name.",
                hint="rename one of them.",
            )


def replaced(name: str, illegal: str, by: str = "_") -> str:
    """Replace characters as a CLI in JavaScript does: a character above U+FFFF counts as two.

    Args:
        name: The name.
        illegal: Regular expression for one character.
        by: The replacement.
    """
    return re.sub(illegal, lambda match: by * (1 + (ord(match[0]) > 0xFFFF)), name)


def fnv1a(text: str) -> int:
    """Hash a text as CLIs in JavaScript do: 32-bit FNV-1a over its UTF-16 code units."""
    encoded = text.encode("utf-16-le", errors="surrogatepass")
    value = 2166136261
    for low, high in zip(encoded[::2], encoded[1::2], strict=True):
        value = (value ^ (low | high << 8)) * 16777619 & 0xFFFFFFFF
    return value
