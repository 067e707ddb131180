"""Connections of ACP's SDK to an agent's process."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import anyio
from acp import Client, RequestError, connect_to_agent
from acp.client.connection import ClientSideConnection
from acp.schema import EnvVariable, HttpHeader, HttpMcpServer, McpServerStdio, SseMcpServer
from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio
from inspect_ai.util import ExecRemoteProcess

from .._contract.mcp import stdio_argv
from .._errors import ACPError, AgentExitedError
from .._sandbox.relay.multiplexer import Process
from .client import PermissiveClient
from .wire import ErrorInfo, Wire, stdio_of

_NO_REQUESTS = ("on_connect",)
"""Public methods of the SDK's connection that return no awaitable."""

_PATIENCE = 5
"""Seconds that a process may take to exit after its stdin is closed."""


@contextlib.asynccontextmanager
async def acp_connection(
    proc: ExecRemoteProcess | Process,
    client: Client | None = None,
    *,
    sent: Callable[[Mapping[str, Any]], None] | None = None,
    trace: Callable[[bytes], None] | None = None,
) -> AsyncIterator[tuple[ClientSideConnection, asyncio.Task[None], ErrorInfo]]:
    """Connect ACP's SDK to a process in the sandbox.

    Every method of the connection that fails raises an `ACPError`, with the SDK's error as its `__cause__`. When the
    process exits or cannot be written to, every pending call fails at once with an `AgentExitedError`. At the end of
    the block the process' stdin is closed; after 5 more seconds the process is killed.

    Args:
        proc: Process with open stdin, started by Inspect's `exec_remote()`
            (`ExecRemoteStreamingOptions(stdin_open=True)`) or by our relay.
        client: Client that answers the agent's requests and receives its updates; the default grants every permission.
        sent: Called with each message that is sent.
        trace: Called with each chunk of the process' stderr.

    Yields:
        The SDK's connection; a task that reads the process' output and completes when the process has exited; and the
        process' stderr with its exit code.

    Examples:
        ```python
        from acp import text_block
        from inspect_ai.util import ExecRemoteProcess

        from inspect_swe import acp_connection


        async def fix(proc: ExecRemoteProcess) -> None:
            async with acp_connection(proc) as (conn, feeder, info):
                await conn.initialize(protocol_version=1)
                session = await conn.new_session(cwd="/workspace")
                await conn.prompt(session_id=session.session_id, prompt=[text_block("Fix the bug.")])
        ```
    """
    process, info = stdio_of(proc), ErrorInfo(trace=trace)
    wire = Wire(process, info, sent)
    feeder = asyncio.create_task(wire.feed())
    conn = connect_to_agent(client or cast(Client, PermissiveClient()), wire, use_unstable_protocol=True)
    for name in dir(conn):
        if not name.startswith("_") and name not in _NO_REQUESTS:
            setattr(conn, name, _with_acp_errors(getattr(conn, name), info))
    try:
        yield conn, feeder, info
    finally:
        with anyio.CancelScope(shield=True):
            await conn.close()
            await asyncio.wait({feeder}, timeout=_PATIENCE)
            if not feeder.done():
                with contextlib.suppress(Exception), anyio.move_on_after(_PATIENCE):
                    await process.kill()
                await asyncio.wait({feeder}, timeout=1)
            feeder.cancel()
            await asyncio.wait({feeder})
            if not feeder.cancelled():
                feeder.exception()  # The calls that it made fail have already raised it.


def _with_acp_errors(method: Callable[..., Awaitable[Any]], info: ErrorInfo) -> Callable[..., Awaitable[Any]]:
    """Wrap a method of the SDK's connection so that it raises only errors of ours."""

    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        except ACPError:
            raise
        except Exception as error:
            kind = AgentExitedError if isinstance(error, ConnectionError) else ACPError
            raise kind(
                f"{method.__name__}() of an interactive agent failed: {error_text(error)}",
                exit_code=info.exit_code,
                stdout=info.stdout,
                stderr=info.stderr,
            ) from error

    return call


def error_text(error: BaseException) -> str:
    """Return an error's text with the details that most agents put in its data."""
    if not isinstance(error, RequestError):
        return str(error) or type(error).__name__
    details = error.data.get("details") or error.data.get("message") if isinstance(error.data, dict) else error.data
    return f"{error} ({details})" if details else str(error)


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
