"""HTTP server over socket pairs, in the sample's own context."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .._sandbox.relay.multiplexer import Connect

MAX_HEAD = 128 << 10
"""Limit on the bytes of a request line and headers, or of any other data outside a body."""

MAX_HEADERS = 200
MAX_PIPELINED = 8
"""Limit on the requests that a connection queues while an earlier one is served."""

# uvicorn's warnings quote requests: the sandbox could fill the log with them.
_logger = logging.getLogger("uvicorn.error.bridge")
_logger.setLevel(logging.ERROR)


class _Refused(Exception):
    """Refused request: the HTTP parser sends an error reply and closes the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with additional limits, as requests from the sandbox are untrusted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger
        self._idle = 0

    def data_received(self, data: bytes) -> None:
        """Parse bytes; close the connection after too many without a complete head or any body."""
        self._idle += len(data)
        super().data_received(data)
        if self._idle > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's headers are too large.")

    def on_message_begin(self) -> None:
        """Refuse a request if too many are queued."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _Refused
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse a request with too many headers or trailers."""
        if len(self.headers) >= MAX_HEADERS:
            raise _Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Restart the count of bytes outside a body."""
        self._idle = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Restart the count of bytes outside a body."""
        self._idle = 0
        super().on_body(body)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[Connect]:
    """Serve an app while the block runs, and yield a function that connects to it.

    Connections are unnamed socket pairs: they need no writable folder, and no other process can connect.

    Inspect stores the active sample, its limits, store and transcript in context variables. The server runs in a
    copy of the agent's context, so that requests have them. A server for the whole process would lack them.
    """
    context = contextvars.copy_context()
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        # A short timeout could close an idle connection while a request is on its way.
        timeout_keep_alive=86_400,
    )
    config.load()
    # uvicorn's `Server` would handle the process's signals and take a fifth of a second to stop.
    state = ServerState()
    loop = asyncio.get_running_loop()

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        near, far = socket.socketpair()
        accepting = loop.connect_accepted_socket(lambda: BoundedProtocol(config, state, {}), far)
        try:
            await context.run(asyncio.ensure_future, accepting)
            return await asyncio.open_connection(sock=near)
        except BaseException:
            near.close()
            raise

    try:
        yield connect
    finally:
        for connection in list(state.connections):
            connection.shutdown()
        for task in list(state.tasks):
            task.cancel()
