"""Taps between a CLI and what serves it: the bridge, or the fake provider itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..._bridge.app import BridgeApp
from ._providers import FakeProvider, recorded_request
from ._record import Exchange


class Tap:
    """An app that passes requests on to another one, and records them with their replies.

    Args:
        provider: The fake provider to pass model requests to; None passes all to the bridge.
    """

    def __init__(self, provider: FakeProvider | None) -> None:
        self.exchanges: list[Exchange] = []
        self._provider = provider

    def __call__(self, bridge: BridgeApp, asgi: ASGIApp) -> ASGIApp:
        """Return the app that serves the sandbox instead of the bridge's."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/mcp/"):
                await asgi(scope, receive, send)
                return
            exchange, again = await _read(scope, receive)
            self.exchanges.append(exchange)
            if self._provider is None:
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
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an app on a loopback port, and yield its URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    # Without handlers for signals, which belong to the process.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await task


def dumped(exchanges: list[Exchange]) -> list[dict[str, Any]]:
    """Return exchanges as data for a JSON file."""
    return [json.loads(json.dumps({**vars(each), "reply": each.reply.decode(errors="replace")})) for each in exchanges]
