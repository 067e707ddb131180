"""Serves the app on a unix socket of this host, in the sample's own context."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import anyio
import uvicorn
from starlette.types import ASGIApp

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
        app, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False, date_header=False
    )
    server = _Server(config)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.001)

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_unix_connection(path)

        yield connect
    finally:
        server.should_exit = server.force_exit = True
        with anyio.move_on_after(5, shield=True):
            await asyncio.wait({task})
        task.cancel()
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)
