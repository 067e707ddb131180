"""HTTP replies with the provider's status, and keep-alives until the model answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .dialects import Dialect
from .generations import Generation, Generations
from .intake import Intake, ModelFailure, RequestBudget, read_request

KEEP_ALIVE = 4.0
"""Seconds of silence after which a keep-alive is sent, so that client timeouts don't trigger."""


def error_reply(dialect: Dialect, failure: ModelFailure) -> Response:
    """Return the dialect's error reply for a failure."""
    # Inspect has already retried and waited, so clients needn't wait for minutes again.
    headers = {"retry-after": "1"} if failure.status == 429 or failure.status >= 500 else None
    return JSONResponse(dialect.error(failure.status, failure.message), status_code=failure.status, headers=headers)


async def model_reply(
    request: Request,
    dialect: Dialect,
    intake: Intake,
    generations: Generations,
    generate: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Response:
    """Answer a model request.

    Args:
        request: The client's request.
        dialect: The request's wire format.
        intake: Bytes of the bridge's requests in flight.
        generations: The bridge's generations.
        generate: Makes the model call from the request's JSON; raises `ModelFailure`.
    """
    budget = RequestBudget(intake)
    try:
        body, data = await read_request(request, dialect, budget)
        is_resend = request.headers.get("x-stainless-retry-count", "0") != "0"
        generation = generations.claim(request.url.path, _identity(body, data), is_resend, lambda: generate(data))
    except BaseException as ex:
        budget.drop()
        if isinstance(ex, ModelFailure):
            return error_reply(dialect, ex)
        raise
    return ModelResponse(dialect, data, budget, generations, generation)


def _identity(body: bytearray, data: dict[str, Any]) -> bytes | bytearray:
    """Return the bytes that identify a request, without `client_metadata`, which has the time of sending."""
    if "client_metadata" not in data:
        return body
    return json.dumps({name: value for name, value in data.items() if name != "client_metadata"}).encode()


class ModelResponse(Response):
    """Reply with a generation's output, and with keep-alives while the generation is slow.

    Args:
        dialect: The client's wire format.
        request: The client's request.
        hold: Bytes that the request takes.
        generations: The bridge's generations.
        generation: The generation to reply with.
    """

    def __init__(
        self,
        dialect: Dialect,
        request: dict[str, Any],
        budget: RequestBudget,
        generations: Generations,
        generation: Generation,
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._budget = budget
        self._generations = generations
        self._generation = generation
        self._streaming = dialect.wants_stream(request)
        self._media = "text/event-stream" if self._streaming else "application/json"
        generation.waiting += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply, as an ASGI app."""
        disconnected = asyncio.ensure_future(_hung_up(receive))
        delivered = False
        try:
            opened = await self._wait(disconnected, send)
            if not disconnected.done():
                delivered = await self._finish(opened, disconnected, send)
        finally:
            disconnected.cancel()
            self._generations.release(self._generation, delivered)
            self._generation.task.add_done_callback(lambda task: self._budget.drop())

    async def _wait(self, disconnected: asyncio.Future[Any], send: Send) -> bool:
        """Wait for the generation and send keep-alives; return whether the reply was started."""
        task: asyncio.Future[Any] = self._generation.task
        opened = False
        while not task.done():
            await asyncio.wait([task, disconnected], timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
            if disconnected.done():
                break
            if not task.done():
                if not opened:
                    headers = [(b"content-type", self._media.encode())]
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                # JSON allows white space before a value.
                beginning = self._dialect.ping if opened else self._dialect.opening(self._request)
                await _send_part(send, beginning if self._streaming else b" ")
                opened = True
        return opened

    async def _finish(self, opened: bool, disconnected: asyncio.Future[Any], send: Send) -> bool:
        """Send the rest of the reply; return whether the client stayed connected until the last byte."""
        try:
            reply = self._generation.task.result()
        except ModelFailure as failure:
            if not opened:
                return await _send_whole(send, error_reply(self._dialect, failure), disconnected)
            if self._streaming:
                return await _send_last(send, self._dialect.error_event(failure.status, failure.message), disconnected)
            # Else leave the reply unfinished: the client sees a broken connection rather than a short reply with 200.
            return not disconnected.done()
        if self._streaming:
            body = b"".join(self._dialect.stream(self._request, reply, opened))
        else:
            body = json.dumps(self._dialect.plain(reply)).encode()
        if opened:
            return await _send_last(send, body, disconnected)
        return await _send_whole(send, Response(body, media_type=self._media), disconnected)


async def _send_whole(send: Send, response: Response, disconnected: asyncio.Future[Any]) -> bool:
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    return await _send_last(send, bytes(response.body), disconnected)


async def _send_last(send: Send, body: bytes, disconnected: asyncio.Future[Any]) -> bool:
    """Send the end of a reply; return whether the client was connected when its last byte was sent."""
    await _send_part(send, body[:-1])
    # Only sending another part waits until this one is written. Then `disconnected` needs a loop iteration to finish.
    await _send_part(send, b"")
    for _ in range(2):
        await asyncio.sleep(0)
    if disconnected.done():
        return False
    await _send_part(send, body[-1:], more=False)
    return True


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_part(send: Send, body: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
