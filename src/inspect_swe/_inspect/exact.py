"""Send a client's own request to a provider of the same API, in place of Inspect's translation of it.

Inspect's providers rebuild each request from chat messages, which loses fields. Where the provider's endpoint is the
client's own API, the client's fields replace the rebuilt ones in the SDK's last step before HTTP. Only a request whose
messages, tools and configuration are still the client's is replaced: a changed one is sent as Inspect builds it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import operator
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ContentAudio,
    ContentDocument,
    ContentText,
    ContentVideo,
    GenerateConfig,
    Model,
    ModelCall,
    ModelOutput,
)
from inspect_ai.tool import ToolChoice

_WRAPPED = "_inspect_swe_exact"
GOOGLE_PATH = "enerateContent"
"""Part of the URL path of the Gemini API's methods."""

_CONVERSATIONS = ("messages", "input", "contents")
_CLOUDS = re.compile("AsyncAnthropic.+")
"""Clients of clouds that reject some fields and betas of Anthropic's own API."""

_NO_CONFIG = GenerateConfig()
_UPLOADED = (ContentAudio, ContentDocument, ContentVideo)


@dataclass
class Exchange:
    """A client's request, its translation, and the provider's own response to it.

    Args:
        path: End of the provider's URL path that speaks the client's API.
        body: Returns the body to send, from the body that Inspect built and whether the tools are the client's.
        headers: Returns the headers to set, from those that Inspect set.
        messages: The translated messages.
        tools: The translated tools.
        tool_choice: The translated tool choice.
        config: The configuration, with the eval's settings.
    """

    path: str
    body: Callable[[dict[str, Any], Changes], dict[str, Any]]
    headers: Callable[[Mapping[str, str]], dict[str, str]]
    messages: Sequence[ChatMessage]
    tools: Sequence[Any]
    tool_choice: ToolChoice | None
    config: GenerateConfig
    restored: Sequence[ChatMessage] | None = None
    provider_ids: Mapping[str, str] = field(default_factory=dict)
    sent: dict[str, Any] | None = None
    _output: ModelOutput | None = None
    _response: dict[str, Any] | None = None

    def response_to(self, output: ModelOutput) -> dict[str, Any] | None:
        """Return the provider's own response, if `output` is Inspect's translation of it."""
        return self._response if output is self._output else None

    def changes(self, input: Any, tools: Any, tool_choice: ToolChoice | None, config: GenerateConfig) -> Changes | None:
        """Return what a filter changed in the request, or None if the messages are not the client's."""
        if config.system_message or config.reasoning_history:
            return None  # The eval changes the messages.
        ids: Mapping[str, str] = {}
        if self.restored is not None and _same(input, self.restored):
            ids = self.provider_ids
        elif not _same(input, self.messages):
            return None
        same_tools = _same(tools, self.tools) or (len(tools) == len(self.tools) and _named(tools) == _named(self.tools))
        changed = {name for name in GenerateConfig.model_fields if getattr(config, name) != getattr(self.config, name)}
        return Changes(not same_tools, tool_choice != self.tool_choice, frozenset(changed), ids)


@dataclass(frozen=True)
class Changes:
    """What a filter changed in a client's request.

    Args:
        tools: Whether it changed the tools.
        tool_choice: Whether it changed the tool choice.
        config: Names of the changed fields of the configuration.
        ids: The provider's tool call ids by the client's.
    """

    tools: bool = False
    tool_choice: bool = False
    config: frozenset[str] = frozenset()
    ids: Mapping[str, str] = field(default_factory=dict)

    def only_config(self) -> Changes:
        """Return the changes of the configuration."""
        return Changes(config=self.config)


@dataclass
class _Call:
    """A generation that sends the client's request.

    Args:
        exchange: The client's request.
        changes: What a filter changed in it.
        response: The provider's own response.
        length: Number of items in the conversation that Inspect built.
    """

    exchange: Exchange
    changes: Changes
    response: dict[str, Any] | None = None
    length: int | None = None

    def replaced(self, built: dict[str, Any]) -> dict[str, Any] | None:
        """Return the client's body, or None if `built` is another request of the provider, such as a probe.

        Items that Inspect adds in further requests of the same generation, to continue an answer, follow the client's.
        """
        name = next((name for name in _CONVERSATIONS if name in built), None)
        if name is None or not isinstance(built[name], list):
            return None
        if self.exchange.tools and not built.get("tools"):
            return None  # Inspect emulates the tools in texts.
        if self.length is None:
            self.length = len(built[name])
        body = self.exchange.body(built, self.changes)
        if added := built[name][self.length :]:
            body[name] = [*body[name], *added]
        self.exchange.sent = body
        return body


exchange_in_progress: ContextVar[Exchange | None] = ContextVar("the client request that this task serves", default=None)
_call: ContextVar[_Call | None] = ContextVar("the generation that sends the client's request", default=None)


def note_restored(messages: Sequence[ChatMessage], restored: Sequence[ChatMessage], ids: Mapping[str, str]) -> None:
    """Record that this task's request is generated from copies of its messages with the provider's ids.

    Args:
        messages: The messages.
        restored: The copies. In another order they are not the client's request.
        ids: The provider's ids by the client's.
    """
    exchange = exchange_in_progress.get()
    if exchange is None or not _same(messages, exchange.messages):
        return
    if [message.id for message in messages] == [message.id for message in restored]:
        exchange.restored, exchange.provider_ids = restored, ids


def send_exactly(model: Model, exchange: Exchange) -> None:
    """Send this task's next requests to the model as the client wrote them.

    Args:
        model: The model that serves the client.
        exchange: The client's request.
    """
    exchange_in_progress.set(exchange)
    _wrap(model, "generate", _generating)
    _wrap(model.api, "generate", _calling)
    _wrap(model.api, "model_client", _google_client)
    if (client := getattr(model.api, "client", None)) is not None:
        if not _CLOUDS.match(type(client).__name__):
            _wrap(client, "_prepare_options", _preparing)
        for resource in ("messages", "responses", "chat.completions"):
            with contextlib.suppress(AttributeError):
                _wrap(operator.attrgetter(resource)(client), "create", _answering)


def _wrap(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
    """Wrap an object's method, once."""
    method = getattr(owner, name, None)
    if method is None or hasattr(method, _WRAPPED):
        return
    wrapped = functools.wraps(method)(wrapper(method))
    setattr(wrapped, _WRAPPED, True)
    setattr(owner, name, wrapped)


def _generating(generate: Callable[..., Awaitable[ModelOutput]]) -> Callable[..., Awaitable[ModelOutput]]:
    """Wrap `Model.generate`: note whether the client's request is generated from, or another one."""

    async def wrapper(
        input: Any,
        tools: Any = (),
        tool_choice: ToolChoice | None = None,
        config: GenerateConfig = _NO_CONFIG,
        *args: Any,
        **kwargs: Any,
    ) -> ModelOutput:
        exchange = exchange_in_progress.get()
        changes = exchange.changes(input, tools, tool_choice, config) if exchange is not None else None
        call = _Call(exchange, changes) if exchange is not None and changes is not None else None
        token = _call.set(call)
        try:
            output = await generate(input, tools, tool_choice, config, *args, **kwargs)
        finally:
            _call.reset(token)
        if call is not None:
            call.exchange._output, call.exchange._response = output, call.response
        return output

    return wrapper


def _calling(generate: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap `ModelAPI.generate`: keep the provider's response, and log the request as it was sent."""
    api = getattr(generate, "__self__", None)

    async def wrapper(input: list[ChatMessage], *args: Any, **kwargs: Any) -> Any:
        call = _call.get()
        if call is not None:
            call.response, call.length, call.exchange.sent = None, None, None
            if call.exchange.path == GOOGLE_PATH and hasattr(api, "model_client"):
                input = [without_media(message) for message in input]
        result = await generate(input, *args, **kwargs)
        if call is not None and call.exchange.sent is not None and isinstance(result, tuple):
            logged = result[1]
            logged.request = ModelCall.create(call.exchange.sent, None, getattr(logged, "_filter", None)).request
            if call.response is None and isinstance(logged.response, dict) and isinstance(result[0], ModelOutput):
                call.response = logged.response
        return result

    return wrapper


def _preparing(prepare: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    """Wrap the hook of the Anthropic and OpenAI SDKs that may change a request."""

    async def wrapper(options: Any) -> Any:
        call = _call.get()
        if call is not None and isinstance(options.json_data, dict) and options.url.endswith(call.exchange.path):
            built = {**options.json_data, **(options.extra_json or {})}
            body = call.replaced({name: value for name, value in built.items() if _is_given(value)})
            headers = options.headers if isinstance(options.headers, Mapping) else {}
            changed = {"json_data": body, "extra_json": None, "headers": call.exchange.headers(headers)}
            options = options.model_copy(update=changed) if body is not None else options
        return await prepare(options)

    return wrapper


def _answering(create: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap the call of an API: Inspect refuses calls without ids, which some servers give."""

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        answer = await create(*args, **kwargs)
        messages = [getattr(choice, "message", None) for choice in getattr(answer, "choices", None) or ()]
        parts = [*(getattr(answer, "content", None) or ()), *(getattr(answer, "output", None) or ())]
        parts += [call for message in messages for call in getattr(message, "tool_calls", None) or ()]
        for part in parts:
            name = {"function_call": "call_id", "tool_use": "id", "function": "id"}.get(getattr(part, "type", ""))
            if name is not None and getattr(part, name, None) is None:
                setattr(part, name, "")
        return answer

    return wrapper


def _google_client(create: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the factory of Google's clients, whose requests are sent by two methods."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        client = create(*args, **kwargs)
        for name in ("async_request", "async_request_streamed"):
            _wrap(client._api_client, name, _google_requesting)
        return client

    return wrapper


def _google_requesting(request: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def wrapper(method: str, path: str, body: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        call = _call.get()
        if call is not None and call.exchange.path in path:
            hidden = {name: value for name, value in body.items() if name.startswith("_")}
            built = {name: value for name, value in body.items() if name not in hidden}
            body = {**(call.replaced(built) or built), **hidden}
        response = await request(method, path, body, *args, **kwargs)
        if call is not None and isinstance(text := getattr(response, "body", None), str):
            call.response = json.loads(text)
        return response

    return wrapper


def without_media(message: ChatMessage) -> ChatMessage:
    """Return a message whose documents, audio and video are names: Inspect would upload them, but they are not sent."""
    if isinstance(message.content, str) or not any(isinstance(part, _UPLOADED) for part in message.content):
        return message
    content = [ContentText(text=part.type) if isinstance(part, _UPLOADED) else part for part in message.content]
    return message.model_copy(update={"content": content})


def _is_given(value: Any) -> bool:
    """Return whether a value is not one of the SDKs' marks for absent fields."""
    return type(value).__name__ not in ("Omit", "NotGiven")


def _same(ones: Any, others: Any) -> bool:
    """Return whether two sequences hold the same objects."""
    return len(ones) == len(others) and all(one is other for one, other in zip(ones, others, strict=True))


def _named(tools: Any) -> list[Any]:
    return [(getattr(tool, "name", None), getattr(tool, "description", None)) for tool in tools]
