"""Transcript spans of sub-agents: conversations that a CLI starts because of a tool call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from inspect_ai.event import SpanBeginEvent, SpanEndEvent, ToolEvent
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentText

from .._inspect.transcript import enter_agent_span, in_span, record
from .recent import Recent

_NAMES = ("subagent_type", "agent_type", "agent_name", "agent", "name")

MAX_TEXTS = 2000
"""Limit on stored texts of calls: a sub-agent starts soon after its call."""

MAX_CONVERSATIONS = 2000
"""Limit on stored conversations."""


class SubAgent(NamedTuple):
    """A sub-agent.

    Args:
        span: Its span in the transcript.
        kind: The CLI's name for its kind.
    """

    span: str
    kind: str


class SubAgents:
    """Sub-agents of one agent: conversations that begin with an argument of a tool call."""

    def __init__(self) -> None:
        # Keys are lengths and hashes, to save memory: arguments include all files that the agent writes.
        self._calls: Recent[tuple[int, int], ToolEvent] = Recent(MAX_TEXTS)
        self._spans: Recent[int, SubAgent | None] = Recent(MAX_CONVERSATIONS)
        self._running: list[str] = []

    def proposed(self, call: ToolEvent) -> None:
        """Record a call that the CLI is about to run, as it may start a sub-agent."""
        for value in call.arguments.values():
            if isinstance(value, str) and (text := value.strip()):
                self._calls[len(text), hash(text)] = call

    def enter(self, messages: Sequence[ChatMessage], has_tools: bool) -> SubAgent | None:
        """Move this task's request into its sub-agent's span, if a sub-agent sent it.

        Args:
            messages: The request's messages.
            has_tools: Whether the request offers tools. Most side requests offer none.

        Returns:
            The sub-agent, or None if none sent the request.
        """
        if not has_tools:
            return None
        texts = beginning(messages)
        conversation = hash(texts)
        if conversation in self._spans:
            self._spans.move_to_end(conversation)
        else:
            call = self._call_of(texts)
            self._spans[conversation] = self._begin(call) if call else None
        if (sender := self._spans[conversation]) is not None:
            enter_agent_span(sender.span)
        return sender

    def end(self) -> None:
        """End the spans of all sub-agents."""
        for span in self._running:
            with in_span(span):
                record(SpanEndEvent(id=span))
        self._running.clear()

    def _call_of(self, texts: Sequence[str]) -> ToolEvent | None:
        """Return the oldest call with an argument that is, or ends, one of the texts."""
        lengths = {length for length, _ in self._calls}
        endings = {
            (length, hash(text[len(text) - length :]))
            for text in texts
            for length in lengths
            if length == len(text) or (length < len(text) and text.endswith("\n\n", 0, len(text) - length))
        }
        return next((call for key, call in self._calls.items() if key in endings), None)

    def _begin(self, call: ToolEvent) -> SubAgent:
        name = next((str(call.arguments[key]) for key in _NAMES if call.arguments.get(key)), call.function)
        if call.agent_span_id is None:
            # Inspect's viewer recognizes a sub-agent's span by this id.
            call.agent_span_id = f"agent-{call.id}"
            with in_span(call.agent_span_id):
                record(SpanBeginEvent(id=call.agent_span_id, parent_id=call.span_id, type="agent", name=name))
            self._running.append(call.agent_span_id)
        return SubAgent(call.agent_span_id, name)


def beginning(messages: Sequence[ChatMessage]) -> tuple[str, ...]:
    """Return a conversation's user texts before the first answer, which stay the same."""
    return user_texts(takewhile(lambda message: message.role != "assistant", messages))


def user_texts(messages: Iterable[ChatMessage]) -> tuple[str, ...]:
    """Return the texts of user messages, part by part, without images and empty texts."""
    texts: list[str] = []
    for message in messages:
        if isinstance(message, ChatMessageUser):
            content = message.content
            texts += [content] if isinstance(content, str) else [p.text for p in content if isinstance(p, ContentText)]
    return tuple(filter(None, (text.strip() for text in texts)))


def is_paragraph_of(texts: Iterable[str], paragraph: str) -> bool:
    """Return whether a text is or ends with the given paragraph, as some CLIs prepend paragraphs."""
    return any(text == paragraph or text.endswith(f"\n\n{paragraph}") for text in texts)
