"""A connection of ACP's SDK to an agent's process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

import anyio
from acp import Client, connect_to_agent
from acp.client.connection import ClientSideConnection
from inspect_ai.util import ExecRemoteProcess

from .._sandbox.relay.multiplexer import Process
from .client import PermissiveClient
from .wire import ErrorInfo, Wire, stdio_of

_PATIENCE = 5
"""Seconds that a process may take to end once its stdin has ended."""


@contextlib.asynccontextmanager
async def acp_connection(
    proc: ExecRemoteProcess | Process,
    client: Client | None = None,
    *,
    sent: Callable[[Mapping[str, Any]], None] | None = None,
    trace: Callable[[bytes], None] | None = None,
) -> AsyncIterator[tuple[ClientSideConnection, asyncio.Task[None], ErrorInfo]]:
    """Speak ACP with a process in the sandbox.

    When the process ends or cannot be written to, every call that waits for its answer fails at once with a
    `ConnectionError`. When the block ends, so does the process: its stdin is closed, and 5 seconds later it is killed.

    Args:
        proc: The process, with open stdin: of Inspect's `exec_remote()` (`ExecRemoteStreamingOptions(stdin_open=True)`)
            or of our relay.
        client: Answers the agent's requests and hears its updates; the default allows everything.
        sent: Told of each message that is sent.
        trace: Told of what the process writes to stderr.

    Yields:
        The SDK's connection; a task that reads the process' output and completes when the process has ended; and what
        the process says on stderr, with its exit code once it has ended.

    Example:
        ```python
        async with acp_connection(proc) as (conn, feeder, info):
            await conn.initialize(protocol_version=1)
            session = await conn.new_session(cwd="/workspace")
            await conn.prompt(session_id=session.session_id, prompt=[text_block("Fix the bug")])
        ```
    """
    process, info = stdio_of(proc), ErrorInfo(trace=trace)
    wire = Wire(process, info, sent)
    feeder = asyncio.create_task(wire.feed())
    conn = connect_to_agent(client or cast(Client, PermissiveClient()), wire, use_unstable_protocol=True)
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
                feeder.exception()  # the calls that it made fail have told
