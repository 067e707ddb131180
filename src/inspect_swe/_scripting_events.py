"""Events of agents that don't speak ACP, made from Inspect's transcript."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from acp.schema import ToolCallProgress, ToolCallStart
from inspect_ai.event import Event as Recorded
from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.log import transcript
from inspect_ai.model import ContentReasoning

from ._acp.events import Event, TextChunk, ThoughtChunk, ToolEnded, ToolStarted
from ._agents import ROSTER

_KINDS: Mapping[str, str] = {name: kind for adapter in ROSTER for name, kind in adapter.tools.items()}


class TranscriptReader:
    """A reader of the transcript that yields each new event once."""

    def __init__(self) -> None:
        self._seen = len(transcript().events)
        self._pending: list[Recorded] = []

    def new_events(self) -> Iterator[Event]:
        """Yield the new events: model calls after their end, tool calls at their start and end."""
        new = list(transcript().events[self._seen :])
        self._seen += len(new)
        waiting, self._pending = [*self._pending, *new], []
        for event in new:
            if isinstance(event, ToolEvent):
                yield _started_event(event)
        for event in waiting:
            if not isinstance(event, (ModelEvent, ToolEvent)):
                continue
            if event.pending:
                self._pending.append(event)
            elif isinstance(event, ToolEvent):
                yield _ended_event(event)
            else:
                yield from _message_events(event)


def _message_events(event: ModelEvent) -> Iterator[Event]:
    if event.output.empty:
        return
    message = event.output.message
    for part in message.content if isinstance(message.content, list) else []:
        if isinstance(part, ContentReasoning) and part.text:
            yield ThoughtChunk(part.text)
    if message.text:
        yield TextChunk(message.text)


def _started_event(event: ToolEvent) -> ToolStarted:
    kind = _KINDS.get(event.function, "other")
    title = event.view.title if event.view is not None and event.view.title else event.function
    update = ToolCallStart.model_validate(
        {
            "sessionUpdate": "tool_call",
            "toolCallId": event.id,
            "title": title,
            "kind": kind,
            "rawInput": event.arguments,
        }
    )
    return ToolStarted(event.id, title, kind, event.arguments, update)


def _ended_event(event: ToolEvent) -> ToolEnded:
    failed = event.error is not None or bool(event.failed)
    text = event.error.message if event.error is not None else str(event.result)
    status: Literal["failed", "completed"] = "failed" if failed else "completed"
    update = ToolCallProgress.model_validate(
        {"sessionUpdate": "tool_call_update", "toolCallId": event.id, "status": status, "rawOutput": text}
    )
    return ToolEnded(event.id, status, text, update)
