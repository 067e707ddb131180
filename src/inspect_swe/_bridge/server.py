"""Serve the app over socket pairs of this process, in the sample's own context."""

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
"""Bytes of a request's line and headers, or of anything else that is not a body."""

MAX_HEADERS = 200
MAX_PIPELINED = 8
"""Requests that a client may send before the reply to the one before."""

# What uvicorn warns of is what the client sent, and would fill the log with it.
_logger = logging.getLogger("uvicorn.error.bridge")
_logger.setLevel(logging.ERROR)


class _Refused(Exception):
    """The parser of HTTP makes an error reply of it, and closes the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, with bounds where it has none: requests come from whoever is in the sandbox."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger
        self._idle = 0

    def data_received(self, data: bytes) -> None:
        """Take in bytes; if too many of them made neither a request nor a part of a body, the connection ends."""
        self._idle += len(data)
        super().data_received(data)
        if self._idle > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's headers are too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _Refused
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if len(self.headers) >= MAX_HEADERS:
            raise _Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body, if there is one, follows."""
        self._idle = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._idle = 0
        super().on_body(body)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[Connect]:
    """Serve an app while the block runs; yields a function that connects to it.

    A connection is a pair of sockets without a name: no folder has to be writable, and no other process can connect.

    Inspect keeps the active sample, its limits, store and transcript in context variables. A server that is
    started inside the agent's call has them; one for the whole process would not.
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
        # A connection that is closed for idleness while a request is under way to it would break that request.
        timeout_keep_alive=86_400,
    )
    config.load()
    # Without uvicorn's `Server`, which takes the process's signals, and a fifth of a second to end.
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
