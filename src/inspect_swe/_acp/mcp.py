"""MCP servers in ACP's format."""

from __future__ import annotations

from collections.abc import Sequence

from acp.schema import EnvVariable, HttpHeader, HttpMcpServer, McpServerStdio, SseMcpServer
from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio

from .._contract.mcp import stdio_argv


def bridge_mcp_to_acp(configs: list[MCPServerConfigHTTP]) -> list[HttpMcpServer]:
    """Convert HTTP MCP servers, headers included, to the `mcp_servers` of ACP's `session/new`.

    Args:
        configs: The servers, such as those of bridged tools.
    """
    return [HttpMcpServer(type="http", name=each.name, url=each.url, headers=_headers(each)) for each in configs]


def mcp_to_acp(configs: Sequence[MCPServerConfig]) -> list[HttpMcpServer | SseMcpServer | McpServerStdio]:
    """Convert MCP servers of all kinds to the `mcp_servers` of ACP's `session/new`."""
    return [_converted(config) for config in configs]


def _converted(config: MCPServerConfig) -> HttpMcpServer | SseMcpServer | McpServerStdio:
    if isinstance(config, MCPServerConfigStdio):
        command, *args = stdio_argv(config)
        env = [EnvVariable(name=name, value=value) for name, value in (config.env or {}).items()]
        return McpServerStdio(name=config.name, command=command, args=args, env=env)
    assert isinstance(config, MCPServerConfigHTTP)
    if config.type == "sse":
        return SseMcpServer(type="sse", name=config.name, url=config.url, headers=_headers(config))
    return bridge_mcp_to_acp([config])[0]


def _headers(config: MCPServerConfigHTTP) -> list[HttpHeader]:
    return [HttpHeader(name=name, value=value) for name, value in (config.headers or {}).items()]
