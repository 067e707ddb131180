"""Sub-agents in the transcript: the conversations that a CLI holds because of a tool call get a span of their own."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.event import SpanBeginEvent, SpanEndEvent, ToolEvent
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser

from .._inspect_transcript import enter_span, in_span, record

_NAMES = ("subagent_type", "agent_type", "agent_name", "agent", "name")


class Delegations:
    """The sub-agents of one agent: conversations that begin with what a call says."""

    def __init__(self) -> None:
        self._calls: dict[str, ToolEvent] = {}
        self._spans: dict[int, str | None] = {}
        self._running: list[str] = []

    def proposed(self, call: ToolEvent) -> None:
        """The CLI is about to run a call, which may be one for a sub-agent."""
        self._calls.update({value.strip(): call for value in call.arguments.values() if isinstance(value, str)})

    def enter(self, messages: Sequence[ChatMessage], has_tools: bool) -> bool:
        """Have the request that this task serves belong to its sub-agent's span, if it is a sub-agent's.

        Args:
            messages: Its messages.
            has_tools: Whether it offers tools. What a CLI asks in passing, it asks without.

        Returns:
            Whether it is a sub-agent's.
        """
        if not has_tools:
            return False
        beginning = _beginning(messages)
        conversation = hash(beginning)
        if conversation not in self._spans:
            call = next((call for said, call in self._calls.items() if _says(beginning, said)), None)
            self._spans[conversation] = self._begin(call) if call else None
        if (span := self._spans[conversation]) is not None:
            enter_span(span)
        return span is not None

    def end(self) -> None:
        """No sub-agent is at work any more."""
        for span in self._running:
            with in_span(span):
                record(SpanEndEvent(id=span))
        self._running.clear()

    def _begin(self, call: ToolEvent) -> str:
        if call.agent_span_id is None:
            # Inspect's viewer knows a sub-agent's span by this name.
            call.agent_span_id = f"agent-{call.id}"
            name = next((str(call.arguments[key]) for key in _NAMES if call.arguments.get(key)), call.function)
            with in_span(call.agent_span_id):
                record(SpanBeginEvent(id=call.agent_span_id, parent_id=call.span_id, type="agent", name=name))
            self._running.append(call.agent_span_id)
        return call.agent_span_id


def _beginning(messages: Sequence[ChatMessage]) -> tuple[str, ...]:
    """The texts that the user begins a conversation with: until the model's first answer, they stay the same."""
    texts: list[str] = []
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            break
        if isinstance(message, ChatMessageUser):
            parts = [message.content] if isinstance(message.content, str) else [_text(part) for part in message.content]
            texts += [part.strip() for part in parts]
    return tuple(texts)


def _says(beginning: tuple[str, ...], said: str) -> bool:
    """Whether one of the texts is what a call says; some CLIs put a paragraph of their own before it."""
    return any(text == said or text.endswith(f"\n\n{said}") for text in beginning)


def _text(part: object) -> str:
    return str(getattr(part, "text", ""))
