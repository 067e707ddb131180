"""The fake provider: an app that records requests and answers them in the vendors' wire formats."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ...._errors import AgentError
from ....testing._match import plain_value
from .._play import Play
from .._record import Exchange, Speaker
from .._script import Answer, MadeCall, plain_schema
from ._anthropic import AnthropicWire
from ._completions import CompletionsWire
from ._google import GoogleWire, camel_case
from ._responses import ResponsesWire
from ._wire import MODEL_TOKENS, Reply, Usage, Wire

FULL = 0.97
"""The share of the context window that a full conversation reports."""

MAX_REQUESTS = 80
"""Limit on the requests of a run, for a CLI that never ends."""

WIRES: dict[str, Wire] = {
    wire.name: wire for wire in (AnthropicWire(), ResponsesWire(), CompletionsWire(), GoogleWire())
}


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
        self._answers: Counter[Speaker] = Counter()
        self.app = Starlette(
            routes=[
                Route("/v1/messages", self._anthropic, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_anthropic, methods=["POST"]),
                Route("/v1/responses", self._responses, methods=["POST"]),
                Route("/v1/chat/completions", self._completions, methods=["POST"]),
                Route("/{version}/models/{model:path}:{method}", self._google, methods=["POST"]),
                Route("/v1/models", self._models, methods=["GET"]),
                Route("/{rest:path}", self._other, methods=["GET", "POST", "HEAD", "PUT", "DELETE"]),
            ]
        )

    def recognize(self, exchange: Exchange) -> None:
        """Set the wire format and the conversation of a request."""
        exchange.dialect = _dialect_of(exchange)
        if exchange.dialect:
            wire = WIRES[exchange.dialect]
            if exchange.dialect == "google":
                exchange.body = camel_case(exchange.body)
            exchange.speaker = self._play.speaker(wire.prompt(exchange.body), wire.tools(exchange.body))
            if isinstance(exchange.body.get("input"), str):
                # No CLI spells its input as a single text.
                exchange.speaker = "probe"

    async def _anthropic(self, request: Request) -> Response:
        return await self._model_call(request, "anthropic")

    async def _responses(self, request: Request) -> Response:
        return await self._model_call(request, "responses")

    async def _completions(self, request: Request) -> Response:
        return await self._model_call(request, "completions")

    async def _google(self, request: Request) -> Response:
        if request.path_params["method"] in ("generateContent", "streamGenerateContent"):
            return await self._model_call(request, "google", model=request.path_params["model"])
        exchange = await self._exchange(request)
        return self._sent(exchange, {"totalTokens": len(json.dumps(exchange.body)) // MODEL_TOKENS})

    async def _models(self, request: Request) -> Response:
        exchange = await self._exchange(request)
        return self._sent(exchange, {"object": "list", "data": [], "has_more": False})

    async def _count_anthropic(self, request: Request) -> Response:
        exchange = await self._exchange(request)
        return self._sent(exchange, {"input_tokens": len(json.dumps(exchange.body)) // MODEL_TOKENS})

    async def _other(self, request: Request) -> Response:
        exchange = await self._exchange(request)
        return self._sent(exchange, {"error": {"type": "not_found_error", "message": "Not found"}}, 404)

    async def _model_call(self, request: Request, dialect: str, **path: str) -> Response:
        wire, exchange = WIRES[dialect], await self._exchange(request)
        self.recognize(exchange)
        body = {**exchange.body, **path}
        tools = wire.tools(body)
        if len(self.exchanges) > MAX_REQUESTS:
            return self._refused(wire, exchange, f"The CLI sent more than {MAX_REQUESTS} requests.")
        if (problem := wire.problem(body)) is not None:
            return self._refused(wire, exchange, problem)
        number = self._number(exchange.speaker)
        answer = self._play.answer(exchange.speaker)
        if exchange.speaker == "side" and (schema := wire.schema(body)) is not None:
            answer = Answer(json.dumps(plain_value(plain_schema(schema))))
        try:
            calls = self._play.made_calls(answer, tools, wire.prompt(body).result, f"{_PREFIXES[dialect]}{number:03}")
        except AgentError as error:
            return self._refused(wire, exchange, str(error))
        usage = self._usage(number, answer, calls)
        reply = Reply(answer, calls, usage, number, str(body.get("model", "")))
        if not wire.streams(exchange.path, body):
            return self._sent(exchange, wire.whole(body, reply))
        exchange.status = 200
        return StreamingResponse(_recorded(exchange, wire.stream(body, reply)), media_type="text/event-stream")

    def _number(self, speaker: Speaker) -> int:
        """Return the number of an answer, which depends on its conversation alone: others may run at the same time."""
        self._answers[speaker] += 1
        return _FIRST[speaker] + self._answers[speaker]

    def _usage(self, number: int, answer: Answer, calls: Sequence[MadeCall]) -> Usage:
        """Return a usage that depends on the script alone, as CLIs tell the model about tokens."""
        prompt = int(FULL * self.window) if answer.full else 12_000 + 400 * number
        read = 11_600 + 400 * number if number > 1 else 0
        characters = len(answer.text) + sum(len(call.json) for call in calls)
        return Usage(prompt, read, 12_000 if number == 1 else 400, 20 + characters // MODEL_TOKENS)

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


_CALLS = (
    (r"/v1/messages$", "anthropic"),
    (r"/responses$", "responses"),
    (r"/chat/completions$", "completions"),
    (r"/models/[^/]+:(generateContent|streamGenerateContent)$", "google"),
)


def _dialect_of(exchange: Exchange) -> str:
    """Return the wire format of a request that asks the model for an answer; empty for any other request."""
    path = exchange.path.partition("?")[0]
    fits = (dialect for pattern, dialect in _CALLS if re.search(pattern, path))
    return next(fits, "") if exchange.method == "POST" and isinstance(exchange.body, dict) else ""


_FIRST: dict[Speaker, int] = {"root": 0, "sub-agent": 100, "compaction": 200, "side": 300, "probe": 400}
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
