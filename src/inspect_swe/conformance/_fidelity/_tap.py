"""Taps between a CLI and what serves it: the bridge, or the fake provider itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ..._bridge.app import BridgeApp
from ._providers import FakeProvider, recorded_request
from ._record import Exchange


class Tap:
    """An app that passes requests on to another one, and records them with their replies.

    Args:
        provider: The fake provider, which knows the conversations.
        direct: Whether to pass model requests to the fake provider instead of the bridge.
    """

    def __init__(self, provider: FakeProvider, direct: bool) -> None:
        self.exchanges: list[Exchange] = []
        self._provider = provider
        self._direct = direct

    def __call__(self, bridge: BridgeApp, asgi: ASGIApp) -> ASGIApp:
        """Return the app that serves the sandbox instead of the bridge's."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/mcp/"):
                await asgi(scope, receive, send)
                return
            exchange, again = await _read(scope, receive)
            self.exchanges.append(exchange)
            self._provider.recognize(exchange)
            if not self._direct:
                await asgi(scope, again, _recording(exchange, send))
                return
            # The runtime fails a CLI that exits without having asked the bridge anything.
            bridge.stats.requests += 1
            bridge.stats.tools_offered.set()
            await self._provider.app(scope, again, _recording(exchange, send))

        return serve


async def _read(scope: Scope, receive: Receive) -> tuple[Exchange, Receive]:
    """Read a request, and return it with a function that replays it."""
    request = Request(scope, receive)
    exchange = await recorded_request(request)
    body, replayed = await request.body(), False

    async def again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return exchange, again


def _recording(exchange: Exchange, send: Send) -> Send:
    async def record(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
        elif message["type"] == "http.response.body":
            exchange.reply += message.get("body", b"")
        await send(message)

    return record


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, port: socket.socket) -> AsyncIterator[None]:
    """Serve an app on a listening socket while the block runs."""
    config = uvicorn.Config(app, http="httptools", log_config=None, access_log=False, lifespan="off", ws="none")
    config.load()
    # uvicorn's `Server` would handle the process's signals.
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpToolsProtocol(config, state, {}), sock=port.dup())
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
