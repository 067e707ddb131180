"""The fake provider: an app that records requests and answers them in the vendors' wire formats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ...._errors import AgentError
from .._cache import PromptCache
from .._play import Play
from .._record import Exchange
from ._anthropic import AnthropicWire
from ._wire import MODEL_TOKENS, Reply, Usage, Wire

FULL = 0.97
"""The share of the context window that a full conversation reports."""

WIRES: dict[str, Wire] = {wire.name: wire for wire in (AnthropicWire(),)}


class FakeProvider:
    """A model provider that plays a script.

    Args:
        play: The script.
        window: Context window in tokens, of which a full conversation reports most.
    """

    def __init__(self, play: Play, window: int = 200_000) -> None:
        self.exchanges: list[Exchange] = []
        self.errors: list[str] = []
        self._play = play
        self.window = window
        self._cache = PromptCache()
        self._answers = 0
        self.app = Starlette(
            routes=[
                Route("/v1/messages", self._anthropic, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_anthropic, methods=["POST"]),
                Route("/{rest:path}", self._other, methods=["GET", "POST", "HEAD", "PUT", "DELETE"]),
            ]
        )

    async def _anthropic(self, request: Request) -> Response:
        return await self._model_call(request, "anthropic")

    async def _count_anthropic(self, request: Request) -> Response:
        exchange = await self._exchange(request)
        return self._sent(exchange, {"input_tokens": len(json.dumps(exchange.body)) // MODEL_TOKENS})

    async def _other(self, request: Request) -> Response:
        exchange = await self._exchange(request)
        return self._sent(exchange, {"error": {"type": "not_found_error", "message": "Not found"}}, 404)

    async def _model_call(self, request: Request, dialect: str, **path: str) -> Response:
        wire, exchange = WIRES[dialect], await self._exchange(request)
        exchange.dialect = dialect
        body = {**exchange.body, **path}
        tools = wire.tools(body)
        exchange.speaker = self._play.speaker(wire.prompt(body), tools)
        if (problem := wire.problem(body)) is not None:
            return self._refused(wire, exchange, problem)
        number, self._answers = self._answers + 1, self._answers + 1
        exchange.script = number
        answer = self._play.answer(exchange.speaker)
        try:
            calls = self._play.made_calls(answer, tools, _PREFIXES[dialect])
        except AgentError as error:
            return self._refused(wire, exchange, str(error))
        usage = self._usage(dialect, body, len(answer.text) + sum(len(call.json) for call in calls), answer.full)
        reply = Reply(answer, calls, usage, number, str(body.get("model", "")))
        if not wire.streams(exchange.path, body):
            return self._sent(exchange, wire.whole(body, reply))
        exchange.status = 200
        return StreamingResponse(_recorded(exchange, wire.stream(body, reply)), media_type="text/event-stream")

    def _usage(self, dialect: str, body: dict[str, Any], characters: int, full: bool) -> Usage:
        prompt, read, written = self._cache.ask(dialect, body)
        if full:
            prompt = max(prompt, int(FULL * self.window))
        return Usage(prompt, read, written, 20 + characters // MODEL_TOKENS)

    def _refused(self, wire: Wire, exchange: Exchange, problem: str) -> Response:
        self.errors.append(problem)
        return self._sent(exchange, wire.error(400, problem), 400)

    async def _exchange(self, request: Request) -> Exchange:
        exchange = await recorded_request(request)
        self.exchanges.append(exchange)
        return exchange

    def _sent(self, exchange: Exchange, data: dict[str, Any], status: int = 200) -> Response:
        response = JSONResponse(data, status)
        exchange.status, exchange.reply = status, bytes(response.body)
        return response


_PREFIXES = {"anthropic": "toolu_01Fake", "responses": "call_Fake", "completions": "call_Fake", "google": "fake"}


async def recorded_request(request: Request) -> Exchange:
    """Return the record of a request."""
    content = await request.body()
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = content.decode(errors="replace")
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Exchange(request.method, re.sub(r"([?&]key=)[^&]*", r"\1KEY", path), dict(request.headers), body)


async def _recorded(exchange: Exchange, chunks: Iterable[bytes]) -> Any:
    for chunk in chunks:
        exchange.reply += chunk
        yield chunk
