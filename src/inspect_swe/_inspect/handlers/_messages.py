"""What the codecs of the APIs whose conversation is a list of `messages` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.model import Model

from ._ids import ItemIds, with_provider_ids
from ._serve import Tools


class MessagesCodec:
    """Base of the codecs of these APIs. See `Codec` for the methods."""

    def __init__(self) -> None:
        self._ids = ItemIds()

    def parts(self, request: dict[str, Any]) -> list[list[Any]]:
        return [[message] for message in request["messages"]]

    def declared(self, request: dict[str, Any], model: Model) -> list[Any]:
        return request.get("tools") or []

    def client_body(self, request: dict[str, Any], tools: list[Any], ids: Mapping[str, str]) -> dict[str, Any]:
        body = {**request, "messages": with_provider_ids(request["messages"], ids)}
        if "tools" in request:
            body["tools"] = tools
        if not tools:
            body.pop("tool_choice", None)
        return body

    def generate_arguments(self, tools: Tools, bridge: SandboxAgentBridge, web_search: bool) -> dict[str, Any]:
        return {}
