"""From ACP's updates to typed events, and from its requests for permission to answers."""

from __future__ import annotations

from typing import Any, cast

import pytest
from acp.schema import PermissionOption, ToolCallUpdate
from inspect_ai.agent import AgentState

from inspect_swe import AgentOptionError
from inspect_swe._acp.events import events_of
from inspect_swe._acp.permissions import decide, request_of, response
from inspect_swe.acp import (
    Commands,
    Decision,
    Event,
    ModeChanged,
    PermissionRequest,
    Permissions,
    Plan,
    Raw,
    TextChunk,
    ThoughtChunk,
    Title,
    ToolEnded,
    ToolProgress,
    ToolStarted,
    Usage,
    interactive_claude_code,
)

from .updates import text, tool_call, update

MODE = {
    "id": "mode",
    "name": "Mode",
    "type": "select",
    "currentValue": "plan",
    "options": [{"value": "plan", "name": "Plan"}],
}
SIMPLE: list[tuple[Any, Event]] = [
    (update("agent_message_chunk", content=text("hello")), TextChunk("hello")),
    (update("agent_thought_chunk", content=text("hm")), ThoughtChunk("hm")),
    (update("current_mode_update", currentModeId="plan"), ModeChanged("plan")),
    (update("config_option_update", configOptions=[MODE]), ModeChanged("plan")),
    (update("usage_update", used=10, size=200), Usage(10, 200)),
    (update("session_info_update", title="A title"), Title("A title")),
    (
        update("plan", entries=[{"content": "Look", "priority": "high", "status": "pending"}]),
        Plan((("Look", "pending"),)),
    ),
    (
        update("available_commands_update", availableCommands=[{"name": "init", "description": "Begin"}]),
        Commands(("init",)),
    ),
]


@pytest.mark.parametrize(("told", "event"), SIMPLE, ids=lambda value: type(value).__name__)
def test_simple(told: Any, event: Event) -> None:
    assert events_of(told, False) == [event]


@pytest.mark.parametrize("kind", ["user_message_chunk"])
def test_what_has_no_event_of_its_own_is_raw(kind: str) -> None:
    told = update(kind, content=text("x"))
    assert events_of(told, False) == [Raw(told)]


def test_the_past_is_marked() -> None:
    assert events_of(update("agent_message_chunk", content=text("hello")), True) == [TextChunk("hello", replay=True)]


def test_a_tool_call() -> None:
    told = tool_call(rawInput={"command": "ls"})
    assert events_of(told, False) == [ToolStarted("c1", "ls", "execute", {"command": "ls"}, told)]
    more = update("tool_call_update", toolCallId="c1", status="in_progress", title="ls -l")
    assert events_of(more, False) == [ToolProgress("c1", "ls -l", more)]
    done = update(
        "tool_call_update", toolCallId="c1", status="completed", content=[{"type": "content", "content": text("a b")}]
    )
    assert events_of(done, False) == [ToolEnded("c1", "completed", "a b", done)]
    failed = update("tool_call_update", toolCallId="c1", status="failed", rawOutput="no such file")
    assert events_of(failed, False) == [ToolEnded("c1", "failed", "no such file", failed)]


def test_a_call_that_is_complete_in_its_first_update() -> None:
    kinds = [type(event) for event in events_of(tool_call(status="completed"), False)]
    assert kinds == [ToolStarted, ToolEnded]


OPTIONS = [
    PermissionOption(option_id="a", name="Yes", kind="allow_once"),
    PermissionOption(option_id="b", name="Always", kind="allow_always"),
    PermissionOption(option_id="c", name="No", kind="reject_once"),
]


@pytest.mark.parametrize(
    ("decision", "options", "chosen"),
    [
        ("allow_once", OPTIONS, "a"),
        ("allow_always", OPTIONS, "b"),
        ("reject_once", OPTIONS, "c"),
        ("reject_always", OPTIONS, "c"),
        ("allow_once", OPTIONS[1:], "b"),
        ("reject_once", OPTIONS[:2], None),
        ("cancel", OPTIONS, None),
    ],
)
def test_answers(decision: Decision, options: list[PermissionOption], chosen: str | None) -> None:
    outcome = response(decision, options).outcome
    assert outcome.outcome == ("selected" if chosen else "cancelled")
    assert getattr(outcome, "option_id", None) == chosen


def test_what_is_asked() -> None:
    call = ToolCallUpdate(tool_call_id="c1", title="rm", kind="execute", raw_input={"command": "rm"})
    asked = request_of(call, OPTIONS)
    choices: tuple[Decision, ...] = ("allow_once", "allow_always", "reject_once", "cancel")
    assert asked == PermissionRequest("c1", "rm", "execute", {"command": "rm"}, choices)


@pytest.mark.anyio
async def test_who_decides() -> None:
    asked, state = PermissionRequest("c1", "rm", "execute", {}, ()), AgentState(messages=[])

    async def never(request: PermissionRequest) -> Decision:
        return "reject_always"

    async def nonsense(request: PermissionRequest) -> Decision:
        return cast(Decision, "perhaps")

    assert await decide("allow", asked, state) == "allow_once"
    assert await decide("reject", asked, state) == "reject_once"
    assert await decide("approver", asked, state) == "allow_once"
    assert await decide(never, asked, state) == "reject_always"
    with pytest.raises(AgentOptionError, match="perhaps"):
        await decide(nonsense, asked, state)


def test_permissions_that_do_not_exist() -> None:
    with pytest.raises(AgentOptionError, match="permissions='ask'"):
        interactive_claude_code(permissions=cast(Permissions, "ask"))
