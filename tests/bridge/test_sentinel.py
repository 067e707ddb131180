"""Sentinel's tool stages around the calls of a CLI, and who sends a request. The protocols are ours: the package
`inspect-sentinel` itself is tried in `downstream/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import httpx
import pytest
from inspect_ai._sentinel import _context
from inspect_ai._util.exception import TerminateSampleError
from inspect_ai.agent import AgentBridgeContext, BridgedToolsSpec, current_agent_bridge_context, is_root_agent
from inspect_ai.event import ModelEvent, SpanBeginEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessage, ChatMessageTool
from inspect_ai.tool import ToolCall, ToolError
from inspect_ai.util._span import current_agent_span_id

from inspect_swe._inspect.sentinel import MAX_REJECTIONS
from inspect_swe.testing import call, say, scripted_requests, turn

from .speakers import SPEAKERS, Speaker
from .support import Site, in_sample
from .test_tool_events import TOOLS, ask, result, text, user
from .test_tools import give

each_dialect = pytest.mark.parametrize("speaker", SPEAKERS, ids=[speaker.name for speaker in SPEAKERS])

OBJECT = {"type": "object"}
Decide = Callable[[ToolCall], Any]


@dataclass
class Sentinel:
    """Decides with a function, and records what it saw."""

    decide: Decide = lambda call: None
    ends: str | None = None
    before: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    after: list[tuple[str, str]] = field(default_factory=list)
    conversations: list[str | None] = field(default_factory=list)
    steps: list[bool] = field(default_factory=list)


@pytest.fixture
def sentinel(monkeypatch: pytest.MonkeyPatch) -> Sentinel:
    sentinel = Sentinel()

    async def before(
        message: str, message_id: str | None, call: ToolCall, viewer: None, history: list[ChatMessage]
    ) -> Any:
        sentinel.before.append((call.function, call.arguments))
        sentinel.conversations.append(current_agent_span_id())
        events = (event for event in transcript().events if isinstance(event, ModelEvent) and event.output.choices)
        sentinel.steps.append(any(event.output.message.id == message_id == history[-1].id for event in events))
        return sentinel.decide(call)

    def apply(decision: Any, call: ToolCall) -> ToolCall:
        if isinstance(decision, Exception):
            raise decision
        return decision or call

    async def after(
        message: str,
        message_id: str | None,
        call: ToolCall,
        result: ChatMessageTool,
        output: Any,
        truncated: None,
        viewer: None,
        history: list[ChatMessage],
    ) -> None:
        assert history[-1].id == message_id
        sentinel.after.append((call.function, result.text))
        if sentinel.ends is not None:
            raise TerminateSampleError(sentinel.ends)

    dispatch = ModuleType("inspect_ai._sentinel._dispatch")
    dispatch.__dict__.update(
        sentinel_before_tool_call=before, apply_sentinel_decision=apply, sentinel_after_tool_call=after
    )
    monkeypatch.setitem(sys.modules, dispatch.__name__, dispatch)
    monkeypatch.setattr(_context, "checks_tool_calls", lambda: True, raising=False)
    return sentinel


@each_dialect
def test_allowed(speaker: Speaker, sentinel: Sentinel) -> None:
    async def body(site: Site) -> None:
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=True)
        second = speaker.follow_up(first, answer, ["one"])
        again = await speaker.send(site, second, stream=False)
        assert (await speaker.send(site, speaker.follow_up(second, again, ["two"]), stream=False)).text == "ok"

    in_sample([call("add", a=1), call("add", a=2), say("ok")], body)
    assert sentinel.before == [("add", {"a": 1}), ("add", {"a": 2})]
    assert [function for function, _ in sentinel.after] == ["add", "add"]
    assert "one" in sentinel.after[0][1] and "two" in sentinel.after[1][1]
    assert all(sentinel.steps), "a stage finds the event of the model call by the message's id"


@each_dialect
def test_rejected(speaker: Speaker, sentinel: Sentinel) -> None:
    sentinel.decide = lambda call: ToolError("Not with 1.") if call.arguments == {"a": 1} else None

    async def body(site: Site) -> None:
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=False)
        assert answer.calls == [("add", {"a": 2})], "the CLI sees the allowed calls only"
        again = await speaker.send(site, speaker.follow_up(first, answer, ["two"]), stream=False)
        assert again.text == "ok"
        asked = scripted_requests(site.model)
        results = [message for message in asked[1].messages if isinstance(message, ChatMessageTool)]
        errors = [message.error.message for message in results if message.error]
        assert errors == ["Not with 1."], "the model is told"
        assert [message.role for message in site.state.messages if message.role != "system"] == [
            "user",
            "assistant",
            "tool",
            "assistant",
        ]

    in_sample([call("add", a=1), call("add", a=2), say("ok")], body)
    assert [arguments for _, arguments in sentinel.before] == [{"a": 1}, {"a": 2}]
    assert len(sentinel.after) == 1


@each_dialect
def test_changed(speaker: Speaker, sentinel: Sentinel) -> None:
    sentinel.decide = lambda call: replace(call, arguments={"a": 7}, function="other")

    async def body(site: Site) -> None:
        answer = await speaker.send(site, speaker.ask(), stream=True)
        assert answer.calls == [("add", {"a": 7})], "only the arguments may change"

    log = in_sample([call("add", a=1)], body)
    assert log.samples
    (event,) = (event for event in log.samples[0].events if isinstance(event, ModelEvent))
    assert [made.arguments for made in event.output.message.tool_calls or []] == [{"a": 1}], "the log has the proposal"


def test_rejected_again_and_again(sentinel: Sentinel) -> None:
    sentinel.decide = lambda call: ToolError("No.")

    async def body(site: Site) -> None:
        assert "error" in str(await ask_failing(site))
        assert "consecutive" in str(site.ended[0])

    in_sample([call("Bash", a=number) for number in range(9)], body)
    assert len(sentinel.before) == MAX_REJECTIONS


async def ask_failing(site: Site) -> Any:
    data = {"model": "m", "max_tokens": 9, "messages": [user(text("go"))], "tools": TOOLS}
    async with httpx.AsyncClient(timeout=30) as http:
        reply = await http.post(f"{site.url}/v1/messages", json=data)
    assert reply.status_code == 400
    return reply.json()


@pytest.mark.parametrize("error", [TerminateSampleError("Enough."), RuntimeError("broken")], ids=["ends", "fails"])
def test_ended_before_a_call(error: Exception, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(error, RuntimeError):
        error = _context.SentinelFailure(error)
    sentinel.decide = lambda call: error

    async def body(site: Site) -> None:
        await ask_failing(site)
        assert site.ended == [error]

    in_sample([call("Bash", a=1)], body)


def test_ended_after_a_call(sentinel: Sentinel) -> None:
    sentinel.ends = "Seen enough."

    async def body(site: Site) -> None:
        asked = [user(text("go"))]
        answer = await ask(site, asked)
        asked += [{"role": "assistant", "content": answer}, user(result(answer, "secret"))]
        with pytest.raises(KeyError):
            await ask(site, asked)
        assert str(site.ended[0]) == "Seen enough."
        assert len(scripted_requests(site.model)) == 1, "the model is not asked"

    in_sample([call("Bash", a=1), say("never")], body)
    assert sentinel.after == [("Bash", "secret")]


def test_a_sub_agent_is_a_conversation_of_its_own(sentinel: Sentinel) -> None:
    contexts: list[AgentBridgeContext | None] = []

    async def look(model: Any, messages: Any, tools: Any, tool_choice: Any, config: Any) -> None:
        contexts.append(current_agent_bridge_context())
        assert is_root_agent() == (contexts[-1] is not None and contexts[-1].kind == "root")

    async def body(site: Site) -> None:
        asked = [user(text("go"))]
        answer = await ask(site, asked, headers={"session": "s"})
        await ask(site, [user(text("Count the lines."))], headers={"session": "s"})
        await ask(site, [user(text("Name this."))], tools=False, headers={"session": "s"})
        asked += [{"role": "assistant", "content": answer}, user(result(answer, "3 lines"))]
        await ask(site, asked, headers={"session": "s"})

    script = [
        call("Agent", subagent_type="counter", prompt="Count the lines."),
        call("Bash", a=1),
        call("Bash", a=2),
    ]
    log = in_sample(script, body, filter=look)
    assert [context and (context.kind, context.subagent_type) for context in contexts] == [
        ("root", None),
        ("subagent", "counter"),
        ("utility", None),
        ("root", None),
    ]
    assert log.samples and contexts[1]
    (span,) = (e for e in log.samples[0].events if isinstance(e, SpanBeginEvent) and e.name == "counter")
    root, sub_agent, later = sentinel.conversations
    assert sub_agent == span.id == contexts[1].subagent_id
    assert root == later != sub_agent


def test_host_tools_run_with_the_allowed_arguments(sentinel: Sentinel) -> None:
    """A host tool may only be called as the reply that the CLI got says."""
    sentinel.decide = lambda call: replace(call, arguments={"kind": "text"})

    async def body(site: Site) -> None:
        offered = {"name": "mcp__host__give", "description": "Gives a result of some kind.", "input_schema": OBJECT}
        data = {"model": "m", "max_tokens": 9, "messages": [user(text("go"))], "tools": [offered]}
        async with httpx.AsyncClient(timeout=30) as http:
            await http.post(f"{site.url}/v1/messages", json=data)
        (grant,) = site.bridge._tool_execution_grants
        assert grant.arguments == {"kind": "text"}

    in_sample(
        [turn(call("mcp__host__give", kind="int"))],
        body,
        bridged=[BridgedToolsSpec(name="host", tools=[give()], require_proposal=True)],
    )


def test_calls_that_hide_others_are_named_once(sentinel: Sentinel, caplog: pytest.LogCaptureFixture) -> None:
    async def body(site: Site) -> None:
        for _ in range(2):
            await ask(site, [user(text("go"))])

    in_sample([call("Bash", a=1), call("Bash", a=2)], body)
    assert caplog.text.count("not the tools that it runs") == 1
