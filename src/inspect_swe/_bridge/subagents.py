"""Sub-agents in the transcript: the conversations that a CLI holds because of a tool call get a span of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from inspect_ai.event import SpanBeginEvent, SpanEndEvent, ToolEvent
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentText

from .._inspect.transcript import enter_span, in_span, record
from .recent import Recent

_NAMES = ("subagent_type", "agent_type", "agent_name", "agent", "name")

MAX_TEXTS = 2000
"""Texts of calls that are known at a time: a sub-agent begins soon after its call."""

MAX_CONVERSATIONS = 2000
"""Conversations that are known at a time."""


class SubAgents:
    """The sub-agents of one agent: conversations that begin with what a call says."""

    def __init__(self) -> None:
        # Texts by their length and hash, so that a long run doesn't keep all that it has ever written to a file.
        self._calls: Recent[tuple[int, int], ToolEvent] = Recent(MAX_TEXTS)
        self._spans: Recent[int, str | None] = Recent(MAX_CONVERSATIONS)
        self._running: list[str] = []

    def proposed(self, call: ToolEvent) -> None:
        """Note a call that the CLI is about to run, which may be one for a sub-agent."""
        for value in call.arguments.values():
            if isinstance(value, str) and (text := value.strip()):
                self._calls[len(text), hash(text)] = call

    def enter(self, messages: Sequence[ChatMessage], has_tools: bool) -> bool:
        """Have the request that this task serves belong to its sub-agent's span, if it is a sub-agent's.

        Args:
            messages: Its messages.
            has_tools: Whether it offers tools. Most side requests offer none.

        Returns:
            Whether it is a sub-agent's.
        """
        if not has_tools:
            return False
        texts = beginning(messages)
        conversation = hash(texts)
        if conversation in self._spans:
            self._spans.move_to_end(conversation)
        else:
            call = self._call_of(texts)
            self._spans[conversation] = self._begin(call) if call else None
        if (span := self._spans[conversation]) is not None:
            enter_span(span)
        return span is not None

    def end(self) -> None:
        """End the spans of all sub-agents."""
        for span in self._running:
            with in_span(span):
                record(SpanEndEvent(id=span))
        self._running.clear()

    def _call_of(self, texts: Sequence[str]) -> ToolEvent | None:
        """Return the oldest call that says one of these texts."""
        lengths = {length for length, _ in self._calls}
        said = {
            (length, hash(text[len(text) - length :]))
            for text in texts
            for length in lengths
            if length == len(text) or (length < len(text) and text.endswith("\n\n", 0, len(text) - length))
        }
        return next((call for key, call in self._calls.items() if key in said), None)

    def _begin(self, call: ToolEvent) -> str:
        if call.agent_span_id is None:
            # Inspect's viewer knows a sub-agent's span by this name.
            call.agent_span_id = f"agent-{call.id}"
            name = next((str(call.arguments[key]) for key in _NAMES if call.arguments.get(key)), call.function)
            with in_span(call.agent_span_id):
                record(SpanBeginEvent(id=call.agent_span_id, parent_id=call.span_id, type="agent", name=name))
            self._running.append(call.agent_span_id)
        return call.agent_span_id


def beginning(messages: Sequence[ChatMessage]) -> tuple[str, ...]:
    """Return the texts that the user begins a conversation with: until the first answer, they stay the same."""
    return user_texts(takewhile(lambda message: message.role != "assistant", messages))


def user_texts(messages: Iterable[ChatMessage]) -> tuple[str, ...]:
    """Return the texts of user messages, part by part; images and empty texts have none."""
    texts: list[str] = []
    for message in messages:
        if isinstance(message, ChatMessageUser):
            content = message.content
            texts += [content] if isinstance(content, str) else [p.text for p in content if isinstance(p, ContentText)]
    return tuple(filter(None, (text.strip() for text in texts)))


def is_paragraph_of(texts: Iterable[str], said: str) -> bool:
    """Whether one of the texts is, or ends with, what was said; some CLIs put a paragraph of their own before it."""
    return any(text == said or text.endswith(f"\n\n{said}") for text in texts)
