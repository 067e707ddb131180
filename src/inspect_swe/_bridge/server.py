"""Serves the app on a unix socket of this host, in the sample's own context."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .._sandbox.multiplexer import Connect

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

    Inspect keeps the active sample, its limits, store and transcript in context variables. A server that is
    started inside the agent's call has them; one for the whole process would not.
    """
    folder = tempfile.mkdtemp(prefix="agent-bridge-")
    path = os.path.join(folder, "app")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
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
    # Started by hand: `serve()` would take the process's signals, and a fifth of a second to end.
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_unix_connection(path)

        yield connect
    finally:
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        for task in list(server.server_state.tasks):
            task.cancel()
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)
