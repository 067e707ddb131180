"""HTTP app that serves one agent's model calls and host tools to its CLI."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from inspect_ai.agent import SandboxAgentBridge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .._errors import InspectVersionError
from .._inspect.handlers import load_handler
from .._inspect.ids import is_without_call_id
from .._inspect.private import ending_exception, provider_error_payload
from .._inspect.release import absent_error
from .._inspect.transcript import in_span
from .conversations import ConversationTracker
from .dialects import Dialect, serving_dialect
from .dialects.anthropic import Anthropic
from .dialects.completions import Completions
from .dialects.google import METHODS, Google
from .dialects.responses import Responses
from .generations import Generations
from .intake import Intake, ModelFailure, RequestBudget, read_request
from .replies import error_reply, model_reply
from .settings import BridgeSettings, BridgeStats

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

logger = logging.getLogger(__name__)

_NO_ID = "The model's server gave a tool call without an id, which Inspect does not accept."
_WARNINGS = 20


class BridgeApp:
    """HTTP routes of one bridge and their shared state.

    Args:
        bridge: Inspect's bridge, whose handlers make the model calls.
        settings: The agent's settings.
        tracker: Identifies the agent's own conversation.
        fail: Called with an exception that must end the sample.
    """

    def __init__(
        self,
        bridge: SandboxAgentBridge,
        settings: BridgeSettings,
        tracker: ConversationTracker,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.stats = BridgeStats()
        self._bridge = bridge
        self._settings = settings
        self._tracker = tracker
        self._fail = fail
        self._intake = Intake()
        self._generations = Generations()
        self._warnings = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Starlette]:
        """Run the background tasks and yield the ASGI app."""
        async with contextlib.AsyncExitStack() as stack:
            servers: dict[str, StreamableHTTPSessionManager] = {}
            if self._bridge.bridged_tools:
                # Lazy: importing the MCP SDK takes half a second, and only host tools need it.
                tools = await anyio.to_thread.run_sync(importlib.import_module, "inspect_swe._bridge.tools")
                serving = tools.tool_servers(self._bridge, self._fail, self.stats, self._settings.reads_json)
                servers = await stack.enter_async_context(serving)
            stack.push_async_callback(self._generations.aclose)
            yield Starlette(routes=self._routes(servers))

    def _routes(self, servers: dict[str, StreamableHTTPSessionManager]) -> list[Route]:
        return [
            Route("/v1/messages", self._messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", self._count_anthropic, methods=["POST"]),
            Route("/v1/responses", self._responses, methods=["POST"]),
            Route("/v1/chat/completions", self._chat_completions, methods=["POST"]),
            Route("/{version}/models/{model:path}:{method}", self._gemini, methods=["POST"]),
            Route("/v1/models", self._models, methods=["GET"]),
            Route("/v1/models/{model:path}", self._model, methods=["GET"]),
            *(Route(f"/mcp/{name}", _McpEndpoint(manager, self._intake)) for name, manager in servers.items()),
        ]

    async def _messages(self, request: Request) -> Response:
        return await self._reply(request, Anthropic())

    async def _responses(self, request: Request) -> Response:
        return await self._reply(request, Responses())

    async def _chat_completions(self, request: Request) -> Response:
        return await self._reply(request, Completions())

    async def _gemini(self, request: Request) -> Response:
        model, method = request.path_params["model"], request.path_params["method"]
        dialect = Google(method, sse=request.query_params.get("alt") == "sse")
        if method not in METHODS:
            return error_reply(dialect, ModelFailure(404, f"Method {method} is not served."))
        if method == "countTokens":
            return await self._counted(request, dialect, "totalTokens", model=model)
        return await self._reply(request, dialect, model=model)

    async def _reply(self, request: Request, dialect: Dialect, **path: str) -> Response:
        async def generate(data: dict[str, Any]) -> dict[str, Any]:
            self._check_tools(dialect.tool_names(data))
            self._withhold_tools(dialect, data)
            self.stats.requests += 1
            self.stats.user_agent = request.headers.get("user-agent", "")
            self._tracker.on_request(request.headers, {**data, **path})
            serving_dialect.set(dialect)
            try:
                with in_span(self.stats.span):
                    return await self._guarded(self._serve(dialect, {**data, **path}, request.headers))
            finally:
                self._tracker.done()

        return await model_reply(request, dialect, self._intake, self._generations, generate)

    async def _serve(self, dialect: Dialect, data: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        try:
            handler = await load_handler(dialect.name)
        except ImportError as ex:
            raise absent_error(f"The CLI's API ({dialect.name})", ex) from ex
        return await handler.generate(self._bridge, self._settings.web_search, data, headers)

    def _check_tools(self, offered: set[str]) -> None:
        """Refuse requests with tools until one offers every MCP tool that the agent was given."""
        if self.stats.tools_offered.is_set() or not offered:
            return
        self.stats.tools_missing = self._settings.missing(offered)
        if self.stats.tools_missing is None:
            self.stats.tools_offered.set()
            return
        if not self.stats.may_restart:
            self._fail(self.stats.tools_missing)
        raise ModelFailure(400, "Not all MCP servers are there.")

    def _withhold_tools(self, dialect: Dialect, data: dict[str, Any]) -> None:
        """Remove the MCP tools that the agent's tool selection excludes."""
        if any(tools.names is not None for tools in self._settings.expected_tools.values()):
            dialect.without_tools(data, self._settings.is_withheld)

    async def _guarded(self, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Await a model call; a failure ends the sample or becomes the provider's error reply."""
        self.stats.running += 1
        try:
            reply = await call
        except asyncio.CancelledError:
            raise
        except BaseException as ex:
            ending = ex if isinstance(ex, InspectVersionError) else ending_exception(ex)
            if ending is not None or not isinstance(ex, Exception):
                self._fail(ending or ex)
                raise ModelFailure(400, "The sample has ended.") from None
            payload = provider_error_payload(ex)
            self.stats.note(self._tracker.asker(), (payload["status"], payload["message"]))
            if payload["status"] is None:
                self._warn("A bridged model request failed with a non-provider error", ex)
                # The text may name host paths or credentials: the sandbox gets only the type.
                reason = _NO_ID if is_without_call_id(ex) else f"The request could not be served ({type(ex).__name__})."
                raise ModelFailure(400, reason) from None
            raise ModelFailure(payload["status"], payload["message"]) from None
        finally:
            self.stats.running -= 1
            self.stats.touch()
        self.stats.note(self._tracker.asker(), None)
        return reply

    async def _count_anthropic(self, request: Request) -> Response:
        return await self._counted(request, Anthropic(), "input_tokens")

    async def _counted(self, request: Request, dialect: Dialect, field: str, **path: str) -> Response:
        budget = RequestBudget(self._intake)
        try:
            _, data = await read_request(request, dialect, budget)
            handler = await load_handler(dialect.name)
            return JSONResponse({field: await handler.count_tokens(self._bridge, {**data, **path})})
        except ModelFailure as failure:
            return error_reply(dialect, failure)
        except Exception as ex:
            self._warn("Counting tokens for a bridged request failed", ex)
            return error_reply(dialect, ModelFailure(400, "The tokens could not be counted."))
        finally:
            budget.drop()

    def _warn(self, what: str, ex: BaseException) -> None:
        """Log why a request failed, up to a limit: the sandbox could fill the log otherwise."""
        self._warnings += 1
        if self._warnings <= _WARNINGS:
            last = " (further ones of this sample are not reported)" if self._warnings == _WARNINGS else ""
            logger.warning("%s: %s%s", what, ex, last, exc_info=ex)

    async def _models(self, request: Request) -> Response:
        models = [_model_entry(name) for name in self._settings.models]
        ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {}
        return JSONResponse({"object": "list", "data": models, "has_more": False, **ends})

    async def _model(self, request: Request) -> Response:
        return JSONResponse(_model_entry(request.path_params["model"]))


class _McpEndpoint:
    """ASGI endpoint of an MCP server, for every HTTP method."""

    def __init__(self, manager: StreamableHTTPSessionManager, intake: Intake) -> None:
        self._manager = manager
        self._intake = intake

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        budget = RequestBudget(self._intake)
        try:
            await self._manager.handle_request(scope, budget.counting(receive), send)
        except ModelFailure as failure:
            await Response(failure.message, failure.status)(scope, receive, send)
        finally:
            budget.drop()


def _model_entry(name: str) -> dict[str, Any]:
    created = "2025-01-01T00:00:00Z"
    return {"type": "model", "object": "model", "id": name, "display_name": name, "created_at": created, "created": 0}
