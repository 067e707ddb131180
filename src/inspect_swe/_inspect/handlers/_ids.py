"""Ids of a provider's messages, items and calls, and those that the client sees instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspect_ai.model import ChatMessageAssistant, ContentText
from shortuuid import uuid

_KEYS = frozenset({"id", "tool_use_id", "tool_call_id", "call_id"})
_DATA = frozenset({"input", "arguments", "args", "output", "response", "content"})
"""Fields with data of tools, whose own ids stay; lists of them hold blocks that have ids."""

_ARGUMENTS = frozenset({"input", "arguments", "args"})


class ItemIds:
    """Ids of messages and items, unique in a session: servers may repeat them or leave them out.

    Args:
        provider: The provider's ids by the client's, where they differ; None where the provider gave none.
    """

    def __init__(self) -> None:
        self.provider: dict[str, str | None] = {}
        self._known: set[str] = set()

    def add(self, id: Any) -> None:
        """Record an id that a client sent."""
        if isinstance(id, str):
            self._known.add(id)

    def unique(self, own: Any, prefix: str) -> str:
        """Return a provider's id if it is new, else another one.

        Args:
            own: The provider's id, if it gave one.
            prefix: Beginning of a new id.
        """
        if isinstance(own, str) and own and own not in self._known:
            self._known.add(own)
            return own
        new = f"{prefix}_{uuid()}"
        self.provider[new] = own if isinstance(own, str) else None
        self._known.add(new)
        return new


def without_state(message: ChatMessageAssistant) -> ChatMessageAssistant:
    """Return an answer without a provider's state, which Inspect would add to its texts."""
    if isinstance(message.content, str):
        return message
    content = [
        part.model_copy(update={"internal": None}) if isinstance(part, ContentText) else part
        for part in message.content
    ]
    return message.model_copy(update={"content": content})


def without_nulls(value: Any) -> Any:
    """Return a provider's JSON without the nulls that its SDK adds for absent fields, which strict clients reject."""
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: each if name in _ARGUMENTS else without_nulls(each) for name, each in value.items() if each is not None
    }


def with_provider_ids(value: Any, *tables: Mapping[str, str | None]) -> Any:
    """Return a conversation with the provider's ids, without those that the provider did not give.

    Args:
        value: The items of a conversation.
        *tables: The provider's ids by the client's.
    """
    ids = {id: own for table in tables for id, own in table.items()}
    return _restored(value, ids) if ids else value


def _restored(value: Any, ids: Mapping[str, str | None]) -> Any:
    if isinstance(value, list):
        return [_restored(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    restored: dict[str, Any] = {}
    for name, each in value.items():
        if name in _KEYS and isinstance(each, str):
            if (own := ids.get(each, each)) is not None:
                restored[name] = own
        else:
            restored[name] = each if name in _DATA and not isinstance(each, list) else _restored(each, ids)
    return restored
