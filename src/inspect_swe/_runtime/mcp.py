"""MCP servers as CLIs want them told."""

from __future__ import annotations

from typing import Any

from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio

FOREVER = 2147483647
"""The most milliseconds that clients take: the bridge keeps connections alive, so their own clocks shall never fire."""

_IN_FOLDER = 'cd "$1" && shift && exec "$@"'


def stdio_argv(server: MCPServerConfigStdio) -> list[str]:
    """The command that starts a server. CLIs' configurations know no working directory for one."""
    argv = [server.command, *server.args]
    return argv if server.cwd is None else ["sh", "-c", _IN_FOLDER, "sh", str(server.cwd), *argv]


def mcp_entry(server: MCPServerConfig) -> dict[str, Any]:
    """A server's entry in the `mcpServers` that several CLIs' configurations have."""
    if isinstance(server, MCPServerConfigStdio):
        command, *args = stdio_argv(server)
        return {"type": "stdio", "command": command, "args": args, "env": server.env or {}}
    assert isinstance(server, MCPServerConfigHTTP)
    return {"type": server.type, "url": server.url, "headers": server.headers or {}}
