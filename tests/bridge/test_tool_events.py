"""The CLI's tool calls as the log has them, read from the traffic of every dialect."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.event import ModelEvent, SpanBeginEvent, SpanEndEvent, ToolEvent
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageUser
from mcp import Client

from inspect_swe._bridge.subagents import MAX_CONVERSATIONS, MAX_TEXTS, SubAgents
from inspect_swe.testing import ScriptStep, call, fail, say, turn, wait

from .speakers import PIXEL, SPEAKERS, Speaker
from .support import Site, in_sample
from .test_tools import give

TOOLS = [{"name": name, "description": "A tool.", "input_schema": {"type": "object"}} for name in ("Bash", "Agent")]


def tool_events(log: EvalLog) -> list[ToolEvent]:
    assert log.samples
    return [event for event in log.samples[0].events if isinstance(event, ToolEvent)]


async def ask(
    site: Site, messages: list[Any], tools: bool = True, headers: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """What the model answers to a conversation, in Anthropic's dialect."""
    data = {"model": "m", "max_tokens": 9, "messages": messages, **({"tools": TOOLS} if tools else {})}
    async with httpx.AsyncClient(timeout=30) as http:
        reply = await http.post(f"{site.url}/v1/messages", json=data, headers=headers)
    content: list[dict[str, Any]] = reply.json()["content"]
    return content


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def result(answer: list[dict[str, Any]], words: str, **more: Any) -> dict[str, Any]:
    """The result of the call that an answer ends with."""
    return {"type": "tool_result", "tool_use_id": answer[-1]["id"], "content": words, **more}


@pytest.mark.parametrize("speaker", SPEAKERS, ids=[speaker.name for speaker in SPEAKERS])
def test_each_call_is_an_event_with_its_result(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=True)
        second = speaker.follow_up(first, answer, ["one", "two"])
        again = await speaker.send(site, second, stream=True)
        await speaker.send(site, speaker.follow_up(second, again, ["three"]), stream=True)

    # The same call twice: Gemini's requests don't tell them apart by ids.
    script: list[ScriptStep] = [turn(call("add", a=1), call("add", a=2)), wait(0.2, call("add", a=1)), say("done")]
    log = in_sample(script, body)
    events = tool_events(log)
    assert [(event.function, event.arguments, event.result) for event in events] == [
        ("add", {"a": 1}, "one"),
        ("add", {"a": 2}, "two"),
        ("add", {"a": 1}, "three"),
    ]
    assert len({event.id for event in events}) == 3
    for event in events:
        assert not event.pending and event.error is None
        assert event.completed and event.completed >= event.timestamp
        assert event.working_time is not None and event.working_time >= 0
    assert log.samples
    last = [event for event in log.samples[0].events if isinstance(event, ModelEvent)][-1]
    answered = [message.tool_call_id for message in last.input if message.role == "tool"]
    proposed = [call.id for message in last.input if message.role == "assistant" for call in message.tool_calls or []]
    assert answered == proposed == [event.id for event in events], "so that the viewer shows each result once"
    order = [event.event for event in log.samples[0].events if isinstance(event, ModelEvent | ToolEvent)]
    assert order == ["model", "tool", "tool", "model", "tool", "model"]


def test_a_conversation_that_is_sent_again_adds_nothing() -> None:
    async def body(site: Site) -> None:
        answer = await ask(site, [user(text("go"))])
        told = [user(text("go")), {"role": "assistant", "content": answer}, user(result(answer, "first"))]
        await ask(site, told)
        await ask(site, [*told[:2], user(result(answer, "another"))])

    (event,) = tool_events(in_sample([call("Bash", command="ls"), say("so"), say("so")], body))
    assert event.result == "first"
    assert event.view and "```bash\nls\n```" in event.view.content


def test_errors_and_calls_without_an_answer() -> None:
    async def body(site: Site) -> None:
        answer = await ask(site, [user(text("go"))])
        said = {"role": "assistant", "content": answer}
        await ask(site, [user(text("go")), said, user(result(answer, "it broke", is_error=True))])

    broken, unanswered = tool_events(in_sample([call("Bash", command="a"), call("Bash", command="b")], body))
    assert broken.error and broken.error.message == "it broke"
    assert unanswered.result == "" and unanswered.error is None and unanswered.completed and not unanswered.pending


def test_host_tools_have_one_event() -> None:
    async def body(site: Site) -> None:
        for answered in (True, False):
            given = {"name": "mcp__host__give", "description": "Gives a result of some kind.", "input_schema": {}}
            first = {"model": "m", "max_tokens": 9, "messages": [user(text(str(answered)))], "tools": [given]}
            async with httpx.AsyncClient(timeout=30) as http:
                answer = (await http.post(f"{site.url}/v1/messages", json=first)).json()["content"]
                if answered:
                    async with Client(f"{site.url}/mcp/host") as client:
                        await client.call_tool("give", {"kind": "text"})
                said = {"role": "assistant", "content": answer}
                told = user(result(answer, "some text" if answered else "not allowed"))
                second = {**first, "messages": [user(text(str(answered))), said, told]}
                await http.post(f"{site.url}/v1/messages", json=second)

    give_text = call("give", kind="text")
    specs = [BridgedToolsSpec(name="host", tools=[give()])]
    ran, refused = tool_events(in_sample([give_text, say("so"), give_text, say("so")], body, bridged=specs))
    # The oldest release of Inspect that is supported makes none: then it is an event like any other.
    assert ran.function in ("give", "mcp__host__give") and ran.result == "some text"
    assert (refused.function, refused.result) == ("mcp__host__give", "not allowed")


def test_a_sub_agent_has_a_span_of_its_own() -> None:
    task = "Count the files, please."

    async def body(site: Site) -> None:
        answer = await ask(site, [user(text("Delegate: " + task))])
        begun = [user(text("reminder"), text(task))]
        theirs = await ask(site, begun)
        await ask(site, [user(text("Is this a task? " + task))], tools=False)
        await ask(site, [*begun, {"role": "assistant", "content": theirs}, user(result(theirs, "3"))])
        said = {"role": "assistant", "content": answer}
        await ask(site, [user(text("Delegate: " + task)), said, user(result(answer, "3 files"))])

    script: list[ScriptStep] = [
        call("Agent", prompt=task, subagent_type="counter"),
        call("Bash", command="ls | wc -l"),
        say("a title"),
        say("3 files"),
        say("done"),
    ]
    log = in_sample(script, body)
    assert log.samples
    events = log.samples[0].events
    delegated, counted = tool_events(log)
    (began,) = [event for event in events if isinstance(event, SpanBeginEvent) and event.type == "agent"]
    assert began.name == "counter" and began.parent_id == delegated.span_id
    assert began.id == delegated.agent_span_id == f"agent-{delegated.id}"
    assert counted.span_id == began.id != delegated.span_id
    inside = [event.span_id == began.id for event in events if isinstance(event, ModelEvent)]
    assert inside == [False, True, False, True, False]
    assert [event.id for event in events if isinstance(event, SpanEndEvent)].count(began.id) == 1


def test_headers_identify_the_root_conversation() -> None:
    long = [user(text("one")), {"role": "assistant", "content": "two"}] * 9

    async def body(site: Site) -> None:
        await ask(site, [user(text("The task."))], False, {"session": "s"})
        await ask(site, [user(text("go"))], headers={"session": "s"})
        assert site.state.output.completion == "root"
        await ask(site, [*long, user(text("go"))], headers={"session": "s", "sub-agent": "a"})
        await ask(site, [*long, user(text("go"))], headers={"session": "s", "sub-agent": "a"})
        await ask(site, [*long, user(text("go on"))], headers={"session": "another"})
        assert site.state.output.completion == "root"
        await ask(site, [user(text("What was done, in short."))], headers={"session": "s"})
        assert [message.text for message in site.state.messages] == ["What was done, in short.", "root again"]

    script: list[ScriptStep] = [say("a title"), say("root"), say("sub"), say("sub"), say("foreign"), say("root again")]
    in_sample(script, body)


def test_an_empty_argument_is_no_beginning_of_a_conversation() -> None:
    """A conversation that begins with an image is the root's, though a call had an empty text."""
    pixel = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}

    async def body(site: Site) -> None:
        site.tracker.begin(None, [])
        answer = await ask(site, [user(text("Look."))])
        await ask(site, [user(text("Look.")), {"role": "assistant", "content": answer}, user(result(answer, "x"))])
        site.tracker.begin(None, [])
        assert (await ask(site, [user(pixel)]))[-1]["text"] == "a pixel"
        assert site.state.output.completion == "a pixel"

    log = in_sample([call("Bash", command="", description="  "), say("ok"), say("a pixel")], body)
    assert log.samples
    assert not [e for e in log.samples[0].events if isinstance(e, SpanBeginEvent) and e.type == "agent"]


def test_texts_of_calls_are_forgotten_after_a_limit() -> None:
    """Many calls cost no more than the last ones, and the last ones are still known."""
    delegations = SubAgents()
    for number in range(2500):
        arguments: dict[str, Any] = {"text": f"{number} " * 1000, "empty": "", "count": number}
        delegations.proposed(ToolEvent(id=str(number), function="Write", arguments=arguments))
        delegations.enter([ChatMessageUser(content=f"Conversation {number}")], has_tools=True)
    assert len(delegations._calls) == MAX_TEXTS and len(delegations._spans) == MAX_CONVERSATIONS
    assert not any(isinstance(part, str) for key in delegations._calls for part in key)
    assert delegations._call_of((f"Today is Monday.\n\n{'2499 ' * 1000}".strip(),)) is not None
    assert delegations._call_of(("2499 " * 999,)) is None


async def ask_in(site: Site, words: str, session: str, **headers: str) -> None:
    """Ask in a session, whatever comes of it."""
    data = {"model": "m", "max_tokens": 9, "messages": [user(text(words))], "tools": TOOLS}
    async with httpx.AsyncClient(timeout=30) as http:
        await http.post(f"{site.url}/v1/messages", json=data, headers={"session": session, **headers})


def test_an_error_counts_by_who_met_it() -> None:
    """A side call's error is not the turn's, and its success hides no error of the root."""

    async def body(site: Site) -> None:
        stats = site.app.stats
        await ask_in(site, "One.", "root")
        await ask_in(site, "A title for: One.", "title")
        assert stats.failure is None and stats.last_resort is None, "the turn is good"
        await ask_in(site, "Two.", "root")
        await ask_in(site, "A title for: Two.", "title")
        await ask_in(site, "Look.", "root", **{"sub-agent": "yes"})
        assert stats.failure == stats.last_resort == (529, "too much"), "the turn failed"
        await ask_in(site, "Two.", "root")
        await ask_in(site, "Look again.", "root", **{"sub-agent": "yes"})
        assert stats.failure is None and stats.last_resort is None, "the root has tried again"

    no, busy = fail(400, "no title"), fail(529, "too much")
    in_sample([say("1"), no, busy, say("Title"), say("seen"), say("2"), fail(400, "no sub-agent")], body)


def test_a_cli_that_gives_up_before_its_first_turn_has_met_a_side_error() -> None:
    async def body(site: Site) -> None:
        site.tracker.begin("root", ["One."])
        await ask_in(site, "Look.", "root", **{"sub-agent": "yes"})
        assert site.app.stats.failure is None
        assert site.app.stats.last_resort == (401, "no key")

    in_sample([fail(401, "no key")], body)
