"""Hooks into Inspect's bridge that change the ids in requests, model inputs and answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from inspect_ai.event import ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Compact,
    ModelOutput,
)
from pydantic import ValidationError

from .transcript import record_change

_RECENT = 500
"""Number of recent events among which to look for a generation's event."""

_read: ContextVar[list[ChatMessage] | None] = ContextVar("messages before they got the provider's ids", default=None)


class Ids(Protocol):
    """Table of a CLI's ids and a provider's ids."""

    @property
    def provider_ids(self) -> Mapping[str, str]:
        """The provider's ids by the CLI's, where they differ."""

    def read(self, messages: Sequence[ChatMessage]) -> None:
        """Change the ids in a new request."""

    def to_provider(self, messages: list[ChatMessage]) -> list[ChatMessage] | None:
        """Return messages with the provider's ids, or None if they have those already."""

    def give(self, output: ModelOutput) -> dict[str, str]:
        """Change the ids in an answer, and return the provider's repeated ids by new id."""


@dataclass
class IdChanges(Compact):
    """Compaction that also changes the ids around each generation of a bridge.

    Inspect's bridge passes a `Compact` the messages before its filter, and the model's answer before it approves,
    grants and returns tool calls.

    Args:
        ids: The table of ids.
        compact: The bridge's own compaction.
    """

    ids: Ids
    compact: Compact | None = None
    _logged: dict[str, ChatMessage] = field(default_factory=dict, init=False)

    async def compact_input(
        self, messages: list[ChatMessage], force: bool = False
    ) -> tuple[list[ChatMessage], ChatMessageUser | None]:
        """See `Compact`."""
        self.ids.read(messages)
        if self.compact is None:
            return messages, None
        return await self.compact.compact_input(messages, force)

    def to_provider(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        """Return the messages with the provider's ids."""
        restored = self.ids.to_provider(messages)
        _read.set(None if restored is None else messages)
        return messages if restored is None else restored

    async def record_output(self, input: list[ChatMessage], output: ModelOutput) -> None:
        """See `Compact`."""
        if self.compact is not None:
            await self.compact.record_output(input, output)
        given = [choice.message for choice in output.choices]
        _forget_items(self.ids.give(output))
        read = _read.get()
        if read is not None or given != [choice.message for choice in output.choices]:
            self._correct_event(given, read, output)

    def _correct_event(self, given: list[Any], read: list[ChatMessage] | None, output: ModelOutput) -> None:
        """Replace the ids in a generation's event with those in the rest of the log."""
        recent = transcript().events[-_RECENT:]
        id = given[0].id if given else None
        events = (event for event in reversed(recent) if isinstance(event, ModelEvent) and event.output.choices)
        # Older releases log the output itself, newer ones a copy.
        mine = (event for event in events if event.output is output or event.output.choices[0].message.id == id)
        event = next(mine, None)
        if event is None:
            return
        # Change copies: Inspect shares messages between events.
        choices = [
            choice.model_copy(update={"message": _with_ids_of(choice.message, new.message)})
            for choice, new in zip(event.output.choices, output.choices, strict=False)
        ]
        event.output = event.output.model_copy(update={"choices": choices})
        if read is not None:
            event.input = self._with_read_ids(event.input, read)
        record_change(event)

    def _with_read_ids(self, messages: list[ChatMessage], read: list[ChatMessage]) -> list[ChatMessage]:
        """Return an event's messages with the ids from the request, in the order of calls and results."""
        calls = iter([call.id for message in read for call in _calls(message)])
        results = {message.id: message.tool_call_id for message in read if isinstance(message, ChatMessageTool)}
        changed: list[ChatMessage] = []
        for message in messages:
            update: dict[str, Any] = {}
            if tool_calls := _calls(message):
                update = {"tool_calls": [replace(call, id=next(calls, call.id)) for call in tool_calls]}
            elif isinstance(message, ChatMessageTool) and message.id in results:
                update = {"tool_call_id": results[message.id]}
            changed.append(self._shared(message, update))
        return changed

    def _shared(self, message: ChatMessage, update: dict[str, Any]) -> ChatMessage:
        """Return a changed copy of a message, shared with earlier events if it is equal."""
        if all(getattr(message, name) == value for name, value in update.items()):
            return message
        known = self._logged.get(message.id or "")
        changed = message.model_copy(update=update)
        if known != changed:
            self._logged[message.id or ""] = known = changed
        return known


def is_without_call_id(error: BaseException) -> bool:
    """Return whether a generation failed because the server gave a call no id, or null, which Inspect refuses."""
    return (
        isinstance(error, ValidationError)
        and error.title == "ToolCall"
        and any(each["loc"] in (("id",), (0,)) for each in error.errors())
    )


def _calls(message: ChatMessage) -> list[Any]:
    return message.tool_calls or [] if isinstance(message, ChatMessageAssistant) else []


def _with_ids_of(message: ChatMessageAssistant, other: ChatMessageAssistant) -> ChatMessageAssistant:
    update: dict[str, Any] = {"id": other.id}
    if message.tool_calls and other.tool_calls:
        pairs = zip(message.tool_calls, other.tool_calls, strict=False)
        update["tool_calls"] = [replace(call, id=new.id) for call, new in pairs]
    return message.model_copy(update=update)


def _forget_items(repeated: dict[str, str]) -> None:
    """Drop the stored items of repeated ids, as Inspect's OpenAI provider stores only one item per id."""
    module: Any = sys.modules.get("inspect_ai.model._openai_responses")
    if repeated and hasattr(module, "assistant_internal"):
        for id in repeated.values():
            module.assistant_internal().tool_calls.pop(id, None)
