"""Typed events of an interactive agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    AvailableCommandsUpdate,
    ConfigOptionUpdate,
    CurrentModeUpdate,
    SessionInfoUpdate,
    ToolCallProgress,
    ToolCallStart,
    UsageUpdate,
)

StopReason = Literal["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"]
"""The reason why a turn ended, as ACP names it."""

ToolStatus = Literal["pending", "in_progress", "completed", "failed"]
Decision = Literal["allow_once", "allow_always", "reject_once", "reject_always", "cancel"]
"""The possible answers to a permission request."""

_ENDED = ("completed", "failed")


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of an agent.

    Args:
        replay: Whether the event belongs to the past: loading a session replays its conversation.
    """

    replay: bool = False


@dataclass(frozen=True)
class TextChunk(Event):
    """A chunk of the agent's answer."""

    text: str


@dataclass(frozen=True)
class ThoughtChunk(Event):
    """A chunk of the agent's reasoning."""

    text: str


@dataclass(frozen=True)
class ToolStarted(Event):
    """The start of a tool call.

    Args:
        id: Id of the call.
        title: Description of the call, for people.
        kind: ACP's kind of tool: "read", "edit", "execute", "search", "fetch", ... or "other".
        input: Arguments, if the CLI reports them.
        update: ACP's own object.
    """

    id: str
    title: str
    kind: str
    input: Any
    update: ToolCallStart


@dataclass(frozen=True)
class ToolProgress(Event):
    """An update of a running tool call. The fields are those of `ToolEnded`."""

    id: str
    title: str | None
    update: ToolCallProgress


@dataclass(frozen=True)
class ToolEnded(Event):
    """The end of a tool call.

    Args:
        id: Id of the call.
        status: "completed" or "failed".
        output: Result as text, if the CLI reports it.
        update: ACP's own object.
    """

    id: str
    status: ToolStatus
    output: str
    update: ToolCallProgress | ToolCallStart


@dataclass(frozen=True)
class Plan(Event):
    """The agent's plan: (content, status) of each entry."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ModeChanged(Event):
    """A change of the session's mode."""

    mode: str


@dataclass(frozen=True)
class Usage(Event):
    """The tokens in the agent's context window, and the window's size."""

    used: int
    size: int


@dataclass(frozen=True)
class Title(Event):
    """A new title of the session."""

    title: str


@dataclass(frozen=True)
class Commands(Event):
    """The slash commands of the CLI."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class PermissionAsked(Event):
    """A permission request and its answer.

    Args:
        id: Id of the call.
        title: Description of the call, for people.
        decision: The answer.
    """

    id: str
    title: str
    decision: Decision


@dataclass(frozen=True)
class TurnEnded(Event):
    """The end of a turn: its last event.

    Args:
        stop_reason: Reason why the turn ended.
        usage: Tokens that the CLI counted for the session (`input_tokens`, `output_tokens`, ...), if it reports them.
    """

    stop_reason: StopReason
    usage: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Raw(Event):
    """Any other update, including those that future versions of ACP add.

    Args:
        update: ACP's own object.
    """

    update: Any


@dataclass(frozen=True)
class Turn:
    """A prompt's result.

    Args:
        text: The agent's complete answer.
        tool_calls: The agent's tool calls.
        stop_reason: Reason why the turn ended.
        usage: Tokens that the CLI counted for the session, if it reports them.
        events: All events in order; only the last ones of a very long turn.
    """

    text: str
    tool_calls: tuple[ToolStarted, ...]
    stop_reason: StopReason
    usage: Mapping[str, int] | None
    events: Sequence[Event] = field(repr=False)


def events_of(update: Any, replay: bool) -> list[Event]:
    """Convert an ACP update to events. A tool call that starts and ends in one update yields both."""
    match update:
        case ToolCallStart():
            return _started(update, replay)
        case ToolCallProgress(status=status) if status in _ENDED:
            return [_ended(update, replay)]
        case ToolCallProgress():
            return [ToolProgress(update.tool_call_id, update.title, update, replay=replay)]
        case _:
            return [_event(update, replay)]


def _event(update: Any, replay: bool) -> Event:
    match update:
        case AgentMessageChunk():
            return TextChunk(_text(update.content), replay=replay)
        case AgentThoughtChunk():
            return ThoughtChunk(_text(update.content), replay=replay)
        case AgentPlanUpdate():
            return Plan(tuple((entry.content, str(entry.status)) for entry in update.entries), replay=replay)
        case CurrentModeUpdate():
            return ModeChanged(update.current_mode_id, replay=replay)
        case ConfigOptionUpdate() if (mode := _mode(update)) is not None:
            return ModeChanged(mode, replay=replay)
        case UsageUpdate():
            return Usage(update.used, update.size, replay=replay)
        case SessionInfoUpdate(title=str(title)):
            return Title(title, replay=replay)
        case AvailableCommandsUpdate():
            return Commands(tuple(command.name for command in update.available_commands), replay=replay)
        case _:
            return Raw(update, replay=replay)


def _mode(update: ConfigOptionUpdate) -> str | None:
    """Return the mode, if the update contains it as a configuration option."""
    values = [option.current_value for option in update.config_options if option.id == "mode"]
    return str(values[0]) if values else None


def _started(update: ToolCallStart, replay: bool) -> list[Event]:
    kind = str(update.kind or "other")
    started = ToolStarted(update.tool_call_id, update.title, kind, update.raw_input, update, replay=replay)
    return [started, _ended(update, replay)] if update.status in _ENDED else [started]


def _ended(update: ToolCallProgress | ToolCallStart, replay: bool) -> ToolEnded:
    status: ToolStatus = "failed" if update.status == "failed" else "completed"
    return ToolEnded(update.tool_call_id, status, _output(update), update, replay=replay)


def _output(update: ToolCallProgress | ToolCallStart) -> str:
    texts = [_text(part.content) for part in update.content or [] if part.type == "content"]
    if not any(texts) and isinstance(update.raw_output, str):
        return update.raw_output
    return "\n".join(texts)


def _text(content: Any) -> str:
    return str(getattr(content, "text", None) or "")
