"""How a generation becomes an HTTP reply: with the provider's status, and alive while the model thinks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .dialects import Dialect
from .generations import Generation, Generations

KEEP_ALIVE = 4.0
"""Seconds of silence after which a byte is sent, so that no client's watchdog fires."""

MAX_BODY = 256 << 20
"""Bytes of the largest request body that is read."""


@dataclass
class ModelFailure(Exception):
    """A generation that failed, as the client may see it.

    Args:
        status: HTTP status.
        message: Text for the client: no host path, credential or traceback is in it.
    """

    status: int
    message: str


async def read_request(request: Request, dialect: Dialect) -> tuple[bytes, dict[str, Any]]:
    """The request's body, and the JSON object in it.

    Raises:
        ModelFailure: It is too large, or not a request of this dialect.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ModelFailure(413, f"The request exceeds {MAX_BODY >> 20} MiB.")
    try:
        data = without_lone_surrogates(json.loads(body), body)
    except (ValueError, RecursionError):
        raise ModelFailure(400, "The request's body is not valid JSON.") from None
    problem = dialect.check(data) if isinstance(data, dict) else "the body must be a JSON object"
    if problem:
        raise ModelFailure(400, problem)
    return bytes(body), data


def without_lone_surrogates(data: Any, text: bytes | bytearray) -> Any:
    """JSON data with half characters replaced: they cannot be written to a log, and would end the whole eval.

    Args:
        data: What the text says.
        text: The JSON text, in which a half character can only be an escape.
    """
    if b"\\ud" not in text.lower():
        return data
    return json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))


def error_reply(dialect: Dialect, failure: ModelFailure) -> Response:
    """A failure in a dialect's own shape."""
    # Inspect has retried and waited already: clients that retry as well need not wait for minutes once more.
    headers = {"retry-after": "1"} if failure.status == 429 or failure.status >= 500 else None
    return JSONResponse(dialect.error(failure.status, failure.message), status_code=failure.status, headers=headers)


async def model_reply(
    request: Request,
    dialect: Dialect,
    generations: Generations,
    generate: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Response:
    """Answer a model request.

    Args:
        request: The client's request.
        dialect: Its wire format.
        generations: The sample's generations.
        generate: Makes the model call from the request's JSON; raises `ModelFailure`.
    """
    try:
        body, data = await read_request(request, dialect)
    except ModelFailure as failure:
        return error_reply(dialect, failure)
    is_resend = request.headers.get("x-stainless-retry-count", "0") != "0"
    generation = generations.claim(request.url.path, body, is_resend, lambda: generate(data))
    return ModelResponse(dialect, data, generations, generation)


class ModelResponse(Response):
    """A generation's reply: at once if it is there soon, else begun and kept alive until it is.

    Args:
        dialect: The client's wire format.
        request: Its request.
        generations: The sample's generations.
        generation: The one to answer with.
    """

    def __init__(
        self, dialect: Dialect, request: dict[str, Any], generations: Generations, generation: Generation
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._generations = generations
        self._generation = generation
        self._streaming = dialect.wants_stream(request)
        self._media = "text/event-stream" if self._streaming else "application/json"
        generation.waiting += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as an ASGI app."""
        gone = asyncio.ensure_future(_hung_up(receive))
        delivered = False
        try:
            opened = await self._wait(gone, send)
            if not gone.done():
                delivered = True
                await self._finish(opened, scope, receive, send)
        finally:
            gone.cancel()
            self._generations.release(self._generation, delivered)

    async def _wait(self, gone: asyncio.Future[Any], send: Send) -> bool:
        """Wait for the generation, keeping the client's connection alive; says whether the reply was begun."""
        task: asyncio.Future[Any] = self._generation.task
        opened = False
        while not task.done():
            await asyncio.wait([task, gone], timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                break
            if not task.done():
                if not opened:
                    headers = [(b"content-type", self._media.encode())]
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                # White space before a JSON value is part of JSON.
                beginning = self._dialect.ping if opened else self._dialect.opening(self._request)
                await _send_part(send, beginning if self._streaming else b" ")
                opened = True
        return opened

    async def _finish(self, opened: bool, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = self._generation.task.result()
        except ModelFailure as failure:
            if not opened:
                await error_reply(self._dialect, failure)(scope, receive, send)
            elif self._streaming:
                await _send_part(send, self._dialect.error_event(failure.status, failure.message), more=False)
            # Else the reply stays unfinished: the client sees a broken connection, never half a message with 200.
            return
        if self._streaming:
            body = b"".join(self._dialect.stream(self._request, reply, opened))
        else:
            body = json.dumps(self._dialect.plain(reply)).encode()
        if opened:
            await _send_part(send, body, more=False)
        else:
            await Response(body, media_type=self._media)(scope, receive, send)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_part(send: Send, body: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
