"""Transcript events for the CLI's tool calls, with their durations and results.

The CLI runs its tools itself. The bridge sees the call in a reply and its result in a later request, and records
the time between them as the call's duration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from inspect_ai.agent import AgentBridgeContext
from inspect_ai.event import ToolEvent
from inspect_ai.model import (
    ChatMessage,
    ChatMessageTool,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentText,
    ContentVideo,
    ModelOutput,
)
from inspect_ai.tool import ToolCall, ToolCallError, ToolInfo

from .._inspect.transcript import record, record_change, working_time
from .conversations import Asker, ConversationTracker
from .dialects import serving_dialect
from .subagents import SubAgents
from .tool_views import view_of

_SHOWN = (ContentText, ContentImage, ContentAudio, ContentVideo, ContentDocument)
_WRAPPED = ('{"output":', '{"result":', '{"error":')
_UNANSWERED = "The CLI ended before the model was told a result."


class ToolEvents:
    """Tool calls of one agent.

    Args:
        tracker: Identifies the agent's own conversation.
        hosted: Returns the pending calls of host tools, by id. Inspect itself records those that it runs.
    """

    def __init__(self, tracker: ConversationTracker, hosted: Callable[[], Mapping[str, Any]]) -> None:
        self._tracker = tracker
        self._all_hosted = hosted
        self._open: dict[str, ToolEvent] = {}
        self._hosted: dict[str, Any] = {}
        self._subagents = SubAgents()

    def on_messages(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo]) -> AgentBridgeContext:
        """Record the results in a request, and return its sender."""
        self._take_results(messages)
        sub_agent = None if self._tracker.is_certain else self._subagents.enter(messages, bool(tools))
        self._tracker.on_messages(messages, tools, sub_agent is not None)
        match self._tracker.asker():
            case Asker.SUB_AGENT:
                return AgentBridgeContext("subagent", *(sub_agent or ()))
            case Asker.ROOT:
                return AgentBridgeContext("root")
            case Asker.SIDE:
                return AgentBridgeContext("utility")
            case _:
                return AgentBridgeContext("unknown")

    def on_output(self, messages: Sequence[ChatMessage], output: ModelOutput) -> bool | None:
        """Record the calls in a reply before the CLI receives it.

        Returns:
            Whether the reply belongs to the root conversation; None if it is unknown.
        """
        self._take_results(messages)
        calls = [] if output.empty else output.message.tool_calls or []
        hosted = self._all_hosted() if calls else {}
        for call in calls:
            self._begin(call, hosted.get(call.id))
        if is_root := self._tracker.is_root():
            self._tracker.answered(output)
        return is_root

    def end(self, failed: bool) -> None:
        """Close the calls without a result; a resumed CLI may still send one later.

        Args:
            failed: Whether to record an error in these calls. A CLI may end successfully with an open call.
        """
        for call_id, event in self._open.items():
            if event.pending and call_id not in self._hosted:
                error = ToolCallError("cancelled", _UNANSWERED) if failed else None
                self._close(event, "", error)
        self._subagents.end()

    def _begin(self, call: ToolCall, hosted: Any) -> None:
        if call.id in self._open:
            return
        event = ToolEvent(
            id=call.id, function=call.function, arguments=call.arguments, view=view_of(call), pending=True
        )
        self._open[call.id] = event
        self._subagents.proposed(event)
        if hosted is None:
            record(event)
        else:
            self._hosted[call.id] = hosted

    def _take_results(self, messages: Sequence[ChatMessage]) -> None:
        if not self._open:
            return
        for message in messages:
            if not isinstance(message, ChatMessageTool):
                continue
            if (event := self._open.pop(message.tool_call_id or "", None)) is None:
                continue
            hosted = self._hosted.pop(event.id, None)
            if hosted is not None and hosted.paired:
                continue
            if hosted is not None:
                # The CLI sent a result without calling the host, for example because it denied the call.
                record(event)
            event.message_id = message.id
            error = ToolCallError("unknown", message.text) if message.error else None
            self._close(event, _result(message), error)

    def _close(self, event: ToolEvent, result: Any, error: ToolCallError | None) -> None:
        event.result, event.error = result, error
        if event.pending:
            event.pending = None
            event.completed = datetime.now(timezone.utc)
            event.working_time = working_time() - event.working_start
        record_change(event)


def _result(message: ChatMessageTool) -> Any:
    """Return a tool's result in a form that a tool event supports."""
    if isinstance(message.content, list):
        return [part for part in message.content if isinstance(part, _SHOWN)]
    dialect = serving_dialect.get()
    return _unwrapped(message.content) if dialect is not None and dialect.name == "google" else message.content


def _unwrapped(text: str) -> str:
    """Return the text of a Gemini API result, which wraps it in an object."""
    if not text.startswith(_WRAPPED):
        return text
    try:
        values = list(json.loads(text).values())
    except ValueError:
        return text
    return values[0] if len(values) == 1 and isinstance(values[0], str) else text
