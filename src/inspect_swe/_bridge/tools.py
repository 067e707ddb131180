"""Host tools as MCP servers over streamable HTTP, on the bridge's port."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ImageContent,
    ListToolsResult,
    TextContent,
    Tool,
)

from .._inspect.private import call_tool, ending_exception, failure_requested, list_tools
from .._inspect.transcript import in_span
from .intake import MAX_CALL, without_lone_surrogates
from .settings import BridgeStats

PROGRESS_EVERY = 5.0
"""Seconds between the progress notifications of a tool that is still running."""


@contextlib.asynccontextmanager
async def tool_servers(
    bridge: SandboxAgentBridge, fail: Callable[[BaseException], None], stats: BridgeStats, reads_json: bool = False
) -> AsyncIterator[dict[str, StreamableHTTPSessionManager]]:
    """Run an MCP server for each bridged tools spec, and yield their HTTP handlers by server name.

    Args:
        bridge: The bridge with the tools.
        fail: Called with an exception that must end the sample.
        stats: Statistics with the transcript span of the calls.
        reads_json: Whether the client parses JSON text as structured content, which must be an object.
    """
    async with contextlib.AsyncExitStack() as stack:
        managers = {}
        for name in bridge.bridged_tools:
            manager = StreamableHTTPSessionManager(
                _server(bridge, name, fail, stats, reads_json),
                stateless=True,
                max_request_body_size=MAX_CALL,
                # Only the sandbox can reach the port. The client's Host header is localhost with any port.
                security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            )
            await stack.enter_async_context(manager.run())
            managers[name] = manager
        yield managers


def _server(
    bridge: SandboxAgentBridge, name: str, fail: Callable[[BaseException], None], stats: BridgeStats, reads_json: bool
) -> Server[Any]:
    listed, called = list_tools(bridge), call_tool(bridge)

    async def on_list_tools(context: Any, params: Any) -> ListToolsResult:
        infos: Any = await listed(name)
        return ListToolsResult(
            tools=[
                Tool(name=info["name"], description=info["description"], input_schema=info["inputSchema"])
                for info in infos
            ]
        )

    async def on_call_tool(context: Any, params: CallToolRequestParams) -> CallToolResult:
        arguments = json.dumps(params.arguments or {})
        clean = without_lone_surrogates(params.arguments or {}, arguments.encode())
        with in_span(stats.span):
            call = asyncio.ensure_future(called(name, params.name, clean))
        try:
            result = await _with_progress(context, call)
        except Exception as ex:
            ending = ending_exception(ex)
            if ending is not None:
                fail(ending)
                return _error("The sample has ended.")
            # The error text of a bug in the eval's tool may name host paths or credentials.
            return _error(type(ex).__name__ if failure_requested(bridge) else str(ex) or type(ex).__name__)
        finally:
            call.cancel()
        # Explicit structured content prevents the client from parsing the text as such.
        return CallToolResult(content=_content(result), structured_content={} if reads_json else None)

    return Server(name, on_list_tools=on_list_tools, on_call_tool=on_call_tool)


async def _with_progress(context: Any, call: asyncio.Future[Any]) -> Any:
    """Return the call's result, with progress notifications to the client meanwhile."""
    seconds = 0.0
    while not (await asyncio.wait({call}, timeout=PROGRESS_EVERY))[0]:
        seconds += PROGRESS_EVERY
        await context.session.report_progress(seconds)
    return call.result()


def _content(result: Any) -> list[ContentBlock]:
    """Convert a tool's result to MCP content: anything but text and images becomes JSON text."""
    blocks = result if isinstance(result, list) else [result]
    return [_block(block) for block in blocks]


def _block(block: Any) -> ContentBlock:
    match block:
        case str():
            return TextContent(type="text", text=block)
        case {"type": "text", "text": str() as text}:
            return TextContent(type="text", text=text)
        case {"type": "image", "data": str() as data, "mimeType": str() as mime}:
            return ImageContent(type="image", data=data, mime_type=mime)
        case _:
            return TextContent(type="text", text=json.dumps(block))


def _error(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)
