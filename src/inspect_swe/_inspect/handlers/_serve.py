"""Serve a model request of any dialect: translate what is new, generate, and reply."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.util import (
    BridgeModelResolution,
    bridge_generate,
    relax_tool_choice_for_withheld,
    resolve_bridge_code_execution,
    resolve_bridge_model,
    resolve_bridge_web_search,
    validate_bridge_media,
    validate_client_config,
)
from inspect_ai.event import InfoEvent
from inspect_ai.model import ChatMessage, ChatMessageSystem, GenerateConfig, Model, ModelOutput
from inspect_ai.tool import Tool, ToolChoice, ToolInfo

from ..exact import Changes, Exchange, send_exactly, without_media
from ..requests import is_expected_model
from ..sentinel import MAX_REJECTIONS, ToolStages
from ..transcript import record
from ._history import History, Translate
from ._parameters import Fields, Parameters, resolve_parameters

Tools = list[ToolInfo | Tool]

_MAX_LOGGED = 64
"""Limit on requested models whose parameters are logged: the sandbox could fill the log otherwise."""


@dataclass(frozen=True)
class DeclaredTools:
    """Tools of a request.

    Args:
        sent: The tools that the eval grants, as the client declared them.
        tools: Their translations.
    """

    sent: list[Any]
    tools: Tools


class Codec(Protocol):
    """Translation of one dialect."""

    provider: str
    path: str
    fields: Fields

    def system(self, request: dict[str, Any]) -> list[str]:
        """Return the instructions outside of the conversation, one text for each message."""

    def parts(self, request: dict[str, Any]) -> list[list[Any]]:
        """Return the conversation's items, grouped as they are translated."""

    def bare(self, item: Any) -> Any:
        """Return an item without marks that change in repetitions."""

    def translate(self, model: Model, tools: Tools) -> Translate:
        """Return the function that translates items."""

    def declared(self, request: dict[str, Any], model: Model) -> list[Any]:
        """Return the tools that a request declares."""

    def tool(self, declared: Any, search: Any, execution: Any, bridge: SandboxAgentBridge) -> Tools | None:
        """Return a declared tool's translations, or None if it is withheld."""

    def tool_choice(self, request: dict[str, Any]) -> ToolChoice | None:
        """Return the tool choice."""

    def config(self, request: dict[str, Any]) -> GenerateConfig:
        """Return the request's generation parameters."""

    def client_body(self, request: dict[str, Any], tools: list[Any], ids: Mapping[str, str]) -> dict[str, Any]:
        """Return the client's body with the granted tools, and the provider's ids."""

    def headers(self, client: Mapping[str, str], built: Mapping[str, str], betas: list[str]) -> dict[str, str]:
        """Return the headers to send.

        Args:
            client: The client's headers.
            built: The headers that Inspect built.
            betas: The betas that the eval sets.
        """

    def generate_arguments(self, tools: Tools, bridge: SandboxAgentBridge, web_search: bool) -> dict[str, Any]:
        """Return further arguments of Inspect's `bridge_generate`."""

    async def reply(
        self, request: dict[str, Any], output: ModelOutput, model: Model, response: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the reply to the client.

        Args:
            request: The client's request.
            output: The model's output.
            model: The model.
            response: The provider's own response, if the provider speaks this dialect.
        """


@dataclass
class Conversations:
    """What a bridge remembers of the requests of one dialect."""

    codec: Codec
    history: History
    declared: list[Any] = field(default_factory=list)
    translated: DeclaredTools = field(default_factory=lambda: DeclaredTools([], []))
    logged: dict[str, Any] = field(default_factory=dict)


_conversations: weakref.WeakKeyDictionary[Any, dict[Callable[[], Codec], Conversations]] = weakref.WeakKeyDictionary()


async def serve(
    create: Callable[[], Codec],
    bridge: SandboxAgentBridge,
    web_search: bool,
    request: dict[str, Any],
    headers: Mapping[str, str],
) -> dict[str, Any]:
    """Return the reply to a request.

    Args:
        create: Creates the codec of the request's dialect.
        bridge: The bridge that selects the model, and whose state is updated.
        web_search: Whether the client's web search may use the model provider's.
        request: The request's body.
        headers: The request's headers.
    """
    of_bridge = _conversations.setdefault(bridge, {})
    if create not in of_bridge:
        codec = create()
        of_bridge[create] = Conversations(codec, History(codec.bare))
    conversations = of_bridge[create]
    codec = conversations.codec
    routing = _route(codec, bridge, request)
    model = routing.model
    declared = _declared(codec, conversations, bridge, web_search, request, model)
    tool_choice = relax_tool_choice_for_withheld(codec.tool_choice(request), declared.tools)
    messages, known = await conversations.history.read(codec.parts(request), codec.translate(model, declared.tools))
    await validate_bridge_media(bridge, messages[known:])
    config = codec.config(request)
    validate_client_config(config)
    parameters = resolve_parameters(model, config, _forwards(bridge, routing.requested, model))
    messages = [*map(conversations.history.instruction, codec.system(request)), *messages]

    _log_parameters(conversations, routing.requested, parameters)
    betas = _betas(model, parameters.config)
    exchange = Exchange(
        codec.path,
        _body(codec, parameters, request, declared.sent),
        lambda built: codec.headers(headers, built, betas) if parameters.forwarded else dict(built),
        messages,
        declared.tools,
        tool_choice,
        parameters.config,
    )
    send_exactly(model, exchange)

    async def generate(asked: list[ChatMessage]) -> tuple[ModelOutput, ChatMessage | None]:
        return await bridge_generate(
            bridge,
            model,
            asked,
            declared.tools,
            tool_choice,
            parameters.config,
            requested_model=routing.requested,
            routing=routing,
            **codec.generate_arguments(declared.tools, bridge, web_search),
        )

    output, compacted = await _allowed(bridge, messages, generate)
    if compacted is not None:
        messages.append(compacted)
    await bridge._track_state(messages, output)
    if not output.empty:
        conversations.history.add_answer(output.message)
    return await codec.reply(request, output, model, exchange.response_to(output))


async def _allowed(
    bridge: SandboxAgentBridge,
    messages: list[ChatMessage],
    generate: Callable[[list[ChatMessage]], Awaitable[tuple[ModelOutput, ChatMessage | None]]],
) -> tuple[ModelOutput, ChatMessage | None]:
    """Generate until the sentinel allows the reply's calls: the model receives each rejection, and answers again."""
    stages: ToolStages | None = getattr(bridge, "stages", None)
    for _ in range(MAX_REJECTIONS):
        output, compacted = await generate(messages)
        checked = output if stages is None else await stages.before(output, messages)
        if isinstance(checked, ModelOutput):
            return checked, compacted
        messages = [*messages, *checked]
    bridge.request_terminate(f"A sentinel rejected {MAX_REJECTIONS} consecutive replies of the model.")


async def count(codec: Codec, bridge: SandboxAgentBridge, request: dict[str, Any]) -> int:
    """Return a request's input tokens, counted by its model.

    Args:
        codec: The request's dialect.
        bridge: The bridge that selects the model.
        request: The request's body.
    """
    model = _route(codec, bridge, request).model
    tools = [tool for each in codec.declared(request, model) for tool in codec.tool(each, None, None, bridge) or []]
    messages, _ = await History(codec.bare).read(codec.parts(request), codec.translate(model, tools))
    texts = [tool.model_dump_json(exclude_none=True) for tool in tools if isinstance(tool, ToolInfo)]
    system: list[ChatMessage] = [ChatMessageSystem(content=text) for text in [*codec.system(request), *texts]]
    # Inspect would upload documents to count them, and block the event loop meanwhile.
    return await model.count_tokens([*system, *map(without_media, messages)])


def grants(web_search: bool) -> tuple[Any, Any]:
    """Return Inspect's grants of web search, if allowed, and of code execution, which is always withheld."""
    search = resolve_bridge_web_search(True if web_search else None, default_grant=False)
    return search, resolve_bridge_code_execution(None, default_grant=False)


def _route(codec: Codec, bridge: SandboxAgentBridge, request: dict[str, Any]) -> BridgeModelResolution:
    return resolve_bridge_model(
        str(request["model"]),
        model_aliases=bridge.model_aliases,
        model_resolver=bridge.model_resolver,
        model=bridge.model,
        allow_client_model_names=False,
        provider=codec.provider,
    )


def _forwards(bridge: SandboxAgentBridge, requested: str, model: Model) -> bool:
    """Return whether the CLI's generation parameters apply where the eval sets none."""
    forwards: bool | None = getattr(bridge, "forwards_parameters", bridge.forward_generation_config)
    return is_expected_model(requested, model) if forwards is None else forwards


def _declared(
    codec: Codec,
    conversations: Conversations,
    bridge: SandboxAgentBridge,
    web_search: bool,
    request: dict[str, Any],
    model: Model,
) -> DeclaredTools:
    """Return a request's tools, translated if they differ from those of the last request."""
    declared = codec.declared(request, model)
    if declared == conversations.declared and declared:
        return conversations.translated
    sent: list[Any] = []
    tools: Tools = []
    search, execution = grants(web_search)
    for each in declared:
        translated = codec.tool(each, search, execution, bridge)
        if translated is not None:
            sent.append(each)
            tools += translated
    conversations.declared, conversations.translated = declared, DeclaredTools(sent, tools)
    return conversations.translated


def _log_parameters(conversations: Conversations, requested: str, parameters: Parameters) -> None:
    """Record whose generation parameters apply, whenever they change for a requested model."""
    if conversations.logged.get(requested) != parameters.sources and len(conversations.logged) < _MAX_LOGGED:
        conversations.logged[requested] = parameters.sources
        data: dict[str, Any] = {"event": "parameters", "requested_model": requested, **parameters.sources}
        record(InfoEvent(data=data, source="inspect_swe.parameters"))


def _betas(model: Model, config: GenerateConfig) -> list[str]:
    """Return the betas of Anthropic's API that the eval sets."""
    named = {name.lower(): value for name, value in (config.extra_headers or {}).items()}
    own = getattr(model.api, "betas", None)
    return [*filter(None, named.get("anthropic-beta", "").split(",")), *(own if isinstance(own, list) else [])]


def _body(
    codec: Codec, parameters: Parameters, request: dict[str, Any], tools: list[Any]
) -> Callable[[dict[str, Any], Changes], dict[str, Any]]:
    def body(built: dict[str, Any], changes: Changes) -> dict[str, Any]:
        client = codec.client_body(request, tools, changes.ids)
        return parameters.body(codec.fields, client, built, changes)

    return body
