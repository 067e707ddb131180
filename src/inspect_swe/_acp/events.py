"""What an interactive agent tells while it works, as typed events."""

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
"""Why a turn ended, in ACP's words."""

ToolStatus = Literal["pending", "in_progress", "completed", "failed"]
Decision = Literal["allow_once", "allow_always", "reject_once", "reject_always", "cancel"]
"""What may be answered to a request for permission."""

_ENDED = ("completed", "failed")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that an agent told.

    Args:
        replay: Whether it belongs to the past: a session that was loaded tells its conversation again.
    """

    replay: bool = False


@dataclass(frozen=True)
class TextChunk(Event):
    """Text of the agent's answer."""

    text: str


@dataclass(frozen=True)
class ThoughtChunk(Event):
    """Text of the agent's reasoning."""

    text: str


@dataclass(frozen=True)
class ToolStarted(Event):
    """The agent calls a tool.

    Args:
        id: Names the call.
        title: What it does, for people.
        kind: ACP's kind of tool: "read", "edit", "execute", "search", "fetch", ... or "other".
        input: The arguments, as far as the CLI tells them.
        update: ACP's own object.
    """

    id: str
    title: str
    kind: str
    input: Any
    update: ToolCallStart


@dataclass(frozen=True)
class ToolProgress(Event):
    """More about a call that goes on. Fields as in `ToolEnded`."""

    id: str
    title: str | None
    update: ToolCallProgress


@dataclass(frozen=True)
class ToolEnded(Event):
    """A call has ended.

    Args:
        id: Names the call.
        status: "completed" or "failed".
        output: Its result as text, as far as the CLI tells it.
        update: ACP's own object.
    """

    id: str
    status: ToolStatus
    output: str
    update: ToolCallProgress | ToolCallStart


@dataclass(frozen=True)
class Plan(Event):
    """The agent's plan: (what, status) of each of its entries."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ModeChanged(Event):
    """The session's mode is another one now."""

    mode: str


@dataclass(frozen=True)
class Usage(Event):
    """Tokens in the agent's context window, and its size."""

    used: int
    size: int


@dataclass(frozen=True)
class Title(Event):
    """The CLI has given the session a title."""

    title: str


@dataclass(frozen=True)
class Commands(Event):
    """The slash commands that the CLI knows."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class PermissionAsked(Event):
    """The CLI has asked whether it may call a tool.

    Args:
        id: Names the call.
        title: What it would do, for people.
        decision: What was answered.
    """

    id: str
    title: str
    decision: Decision


@dataclass(frozen=True)
class TurnEnded(Event):
    """A turn has ended: the last of its events.

    Args:
        stop_reason: Why.
        usage: Tokens that the CLI counted for the session (`input_tokens`, `output_tokens`, ...), if it tells.
    """

    stop_reason: StopReason
    usage: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Raw(Event):
    """Whatever else ACP has or will have.

    Args:
        update: ACP's own object.
    """

    update: Any


@dataclass(frozen=True)
class Turn:
    """A prompt and what came of it.

    Args:
        text: The agent's answer, all of its text.
        tool_calls: The tools that it called.
        stop_reason: Why it ended.
        usage: Tokens that the CLI counted for the session, if it tells.
        events: All events of it, in order (of a very long turn the last ones).
    """

    text: str
    tool_calls: tuple[ToolStarted, ...]
    stop_reason: StopReason
    usage: Mapping[str, int] | None
    events: Sequence[Event] = field(repr=False)


def events_of(update: Any, replay: bool) -> list[Event]:
    """What an update of ACP's says; of a tool that is started and ended in one, both."""
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
    """The mode, where it is told as one of the session's options."""
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
