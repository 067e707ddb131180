"""Serves the app on a unix socket of this host, in the sample's own context."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

from .._sandbox.multiplexer import Connect


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
