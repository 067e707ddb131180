"""Ids that repeat, are missing or are illegal: the CLI gets usable ones, the provider its own, the log each result."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.approval import Approval, ApprovalPolicy, Approver, approver
from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    GenerateInput,
    Model,
    ModelOutput,
)
from inspect_ai.tool import ToolCall, ToolCallView
from mcp import Client

from inspect_swe._bridge.identities import Identities
from inspect_swe.testing import ScriptStep, call, say, scripted, scripted_requests, turn

from .speakers import SPEAKERS, Answer, AnthropicSpeaker, GoogleSpeaker, Speaker
from .support import Site, in_sample
from .test_tools import give

LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What Anthropic's API accepts; every other API accepts it too."""


each_dialect = pytest.mark.parametrize("speaker", SPEAKERS, ids=[speaker.name for speaker in SPEAKERS])

SERVERS: dict[str, Any] = {
    "unique": "unique",
    "per_answer": "per_answer",
    "constant": "constant",
    "empty": "empty",
    "illegal": lambda answer, call: f"functions.add/{answer}:{call}",
    "long": lambda answer, call: "x" * 80 + f"{answer}{call}",
    "mixed": lambda answer, call: ["", "call_0", None][(answer + call) % 3],
}
SCRIPT: list[ScriptStep] = [turn(call("add", a=1), call("add", a=2)), call("add", a=1), call("add", a=3), say("done")]
RESULTS = [["one", "two"], ["three"], ["four"]]
CALLS = [({"a": 1}, "one"), ({"a": 2}, "two"), ({"a": 1}, "three"), ({"a": 3}, "four")]


async def converse(speaker: Speaker, site: Site) -> list[Answer]:
    """Hold the conversation of `SCRIPT` as a CLI would; returns the answers with calls."""
    ask, answers = speaker.ask(), []
    for results in RESULTS:
        answers.append(await speaker.send(site, ask, stream=False))
        ask = speaker.follow_up(ask, answers[-1], results)
    await speaker.send(site, ask, stream=False)
    return answers


def paired(messages: list[ChatMessage]) -> list[tuple[dict[str, Any], str]]:
    """Each call of a conversation with its result: the next one under its id, as a server pairs them."""
    found: list[tuple[dict[str, Any], str]] = []
    for number, message in enumerate(messages):
        calls = message.tool_calls or [] if isinstance(message, ChatMessageAssistant) else []
        told = [each for each in messages[number + 1 :] if isinstance(each, ChatMessageTool)]
        for one in calls:
            result = next(each for each in told if each.tool_call_id == one.id)
            told.remove(result)
            # Gemini's results are objects.
            told_text = json.loads(result.text)["result"] if result.text.startswith("{") else result.text
            found.append((one.arguments, told_text))
    assert len(found) == sum(isinstance(message, ChatMessageTool) for message in messages)
    return found


def call_ids(messages: list[ChatMessage]) -> list[str]:
    return [c.id for m in messages if isinstance(m, ChatMessageAssistant) for c in m.tool_calls or []]


def result_ids(messages: list[ChatMessage]) -> list[str | None]:
    return [message.tool_call_id for message in messages if isinstance(message, ChatMessageTool)]


def check_log(log: EvalLog) -> None:
    assert log.samples
    events = log.samples[0].events
    ran = [event for event in events if isinstance(event, ToolEvent)]
    assert [(event.arguments, event.result) for event in ran] == CALLS
    assert len({event.id for event in ran}) == 4
    asked = [event for event in events if isinstance(event, ModelEvent)]
    shown = [c.id for event in asked for c in event.output.message.tool_calls or []]
    assert shown == [event.id for event in ran], "the viewer finds a call's event by its id"
    assert call_ids(asked[-1].input) == result_ids(asked[-1].input) == shown
    assert len({event.output.message.id for event in asked}) == 4


@each_dialect
@pytest.mark.parametrize("server", SERVERS)
def test_every_result_is_sent_once_with_its_call(speaker: Speaker, server: str) -> None:
    model = scripted(SCRIPT, call_ids=SERVERS[server], name=f"{speaker.name}-{server}")

    async def body(site: Site) -> None:
        answers = await converse(speaker, site)
        ids = [id for answer in answers for id in answer.ids]
        if speaker.name != "google" or ids:
            assert len(ids) == len({*ids}) == 4
            assert speaker.name != "anthropic" or all(LEGAL.fullmatch(id) for id in ids)
            assert all(len(id) <= 64 for id in ids)
        assert paired(site.state.messages) == CALLS
        assert call_ids(site.state.messages) == result_ids(site.state.messages)
        assert len({*call_ids(site.state.messages)}) == 4
        messages = [message.id for message in site.state.messages]
        assert len({*messages}) == len(messages)

    check_log(in_sample(SCRIPT, body, model=model))
    last = scripted_requests(model)[-1].messages
    assert paired(last) == CALLS
    given = SERVERS[server] if callable(SERVERS[server]) else None
    expected = {
        "per_answer": ["call_0", "call_1", "call_0", "call_0"],
        "constant": ["call_0"] * 4,
        **({server: [given(0, 0), given(0, 1), given(1, 0), given(2, 0)]} if given else {}),
    }.get(server)
    if server == "unique":
        expected = [f"call_0_{number}" for number in (1, 2, 3, 4)]
    for got, own in zip(call_ids(last), expected or [""] * 4, strict=True):
        # What the provider has left out is the bridge's to say; None is the scripted model's own.
        assert got == own if own else got, "the provider gets its own ids back"


# Gemini's client sends results without ids: there the order says whose they are.
@pytest.mark.parametrize(
    "speaker", [speaker for speaker in SPEAKERS if speaker.name != "google"], ids=lambda one: one.name
)
def test_results_in_another_order_than_the_calls(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=False)
        answer.ids.reverse()
        await speaker.send(site, speaker.follow_up(first, answer, ["two", "one"]), stream=False)
        assert paired(site.state.messages) == [({"a": 1}, "one"), ({"a": 2}, "two")]

    model = scripted([SCRIPT[0], say("done")], call_ids="constant")
    in_sample(SCRIPT, body, model=model)
    assert paired(scripted_requests(model)[-1].messages) == [({"a": 1}, "one"), ({"a": 2}, "two")]


@pytest.mark.parametrize("echoes", [True, False])
def test_gemini_results_are_paired_by_ids_where_there_are_some(echoes: bool) -> None:
    async def body(site: Site) -> None:
        speaker = GoogleSpeaker()
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=False)
        second = speaker.follow_up(first, answer, ["one", "two"])
        said, told = second["contents"][-2:]
        ids = [part["functionCall"]["id"] for part in said["parts"]]
        assert ids == ["call_0", "call_0_n2"]
        for part, id in zip(told["parts"], ids, strict=True):
            part["functionResponse"]["id"] = id
        if echoes:
            told["parts"].reverse()
        else:
            for part in said["parts"]:
                del part["functionCall"]["id"]
        await speaker.send(site, second, stream=False)
        assert paired(site.state.messages) == [({"a": 1}, "one"), ({"a": 2}, "two")]
        assert call_ids(site.state.messages) == ids

    in_sample(SCRIPT, body, model=scripted([SCRIPT[0], say("done")], call_ids="constant"))


def test_ids_of_an_earlier_session_pass_through() -> None:
    speaker = AnthropicSpeaker()

    async def body(site: Site) -> None:
        ask = speaker.ask()
        for number, id in enumerate(["toolu_9", "call_0", "call_0_n2"]):
            use = {"type": "tool_use", "id": id, "name": "add", "input": {"a": number}}
            answer = Answer("", "tool_use", ids=[id], raw={"content": [use]})
            ask = speaker.follow_up(ask, answer, [f"old {number}"])
        answer = await speaker.send(site, ask, stream=False)
        assert answer.ids == ["call_0_n3"], "an id of the session is in use, whoever gave it"
        await speaker.send(site, speaker.follow_up(ask, answer, ["new"]), stream=False)

    model = scripted([call("add", a=7), say("done")], call_ids="constant")
    in_sample(SCRIPT, body, model=model)
    told = scripted_requests(model)[-1].messages
    assert call_ids(told) == result_ids(told) == ["toolu_9", "call_0", "call_0_n2", "call_0"]


def test_a_conversation_whose_ids_repeat_already() -> None:
    speaker = AnthropicSpeaker()

    async def body(site: Site) -> None:
        ask = speaker.ask()
        for number in range(3):
            use = {"type": "tool_use", "id": "call_0", "name": "add", "input": {"a": number}}
            answer = Answer("", "tool_use", ids=["call_0"], raw={"content": [use]})
            ask = speaker.follow_up(ask, answer, [f"old {number}"])
        for _ in range(2):
            await speaker.send(site, ask, stream=False)
            assert call_ids(site.state.messages) == ["call_0", "call_0_n2", "call_0_n3"]
            assert paired(site.state.messages) == [({"a": number}, f"old {number}") for number in range(3)]

    model = scripted([say("one"), say("two")])
    in_sample(SCRIPT, body, model=model)
    told = scripted_requests(model)[-1].messages
    assert call_ids(told) == result_ids(told) == ["call_0"] * 3


@each_dialect
def test_a_cache_that_epochs_share(speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path))
    seen: list[list[str]] = []

    async def body(site: Site) -> None:
        for _ in range(2):  # the same requests twice in a session, as two sub-agents with one task make them
            answers = await converse(speaker, site)
            assert paired(site.state.messages) == CALLS
            seen.append([id for answer in answers for id in answer.ids])
            seen.append([message.id or "" for message in site.state.messages][-1:])

    model = scripted(SCRIPT, call_ids="constant", message_id="message", name=f"cached-{speaker.name}")
    options: dict[str, Any] = {"epochs": 2, "cache": CachePolicy(per_epoch=False)}
    log = in_sample(SCRIPT, body, model=model, max_samples=1, **options)
    assert len(scripted_requests(model)) == 4, "the rest comes from the cache"
    assert log.samples and len(log.samples) == 2
    for sample in log.samples:
        asked = [event for event in sample.events if isinstance(event, ModelEvent)]
        shown = [c.id for event in asked for c in event.output.message.tool_calls or []]
        assert len({*shown}) == len(shown) == 8
        assert len({event.output.message.id for event in asked}) == 8
        ran = [event for event in sample.events if isinstance(event, ToolEvent)]
        assert [(event.arguments, event.result) for event in ran] == CALLS * 2
    assert seen[: len(seen) // 2][::2] == seen[len(seen) // 2 :][::2], "epochs have the same ids"


def test_a_filter_and_an_approver_see_unique_ids() -> None:
    seen: list[list[str]] = []
    reviewed: list[str] = []

    async def look(model: Model, messages: Any, tools: Any, choice: Any, config: Any) -> GenerateInput:
        seen.append(call_ids(messages))
        return GenerateInput(messages, tools, choice, config)

    @approver(name="doubles")
    def doubles() -> Approver:
        async def approve(message: str, call: ToolCall, view: ToolCallView, history: list[ChatMessage]) -> Approval:
            reviewed.append(call.id)
            changed = replace(call, arguments={"a": call.arguments["a"] * 10})
            return Approval(decision="modify", modified=changed)

        return approve

    async def body(site: Site) -> None:
        speaker = AnthropicSpeaker()
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=False)
        assert answer.calls == [("add", {"a": 10}), ("add", {"a": 20})], "each call has its own arguments"
        await speaker.send(site, speaker.follow_up(first, answer, ["one", "two"]), stream=False)

    model = scripted([turn(call("add", a=1), call("add", a=2)), say("done")], call_ids="constant")
    in_sample(SCRIPT, body, model=model, filter=look, approval=[ApprovalPolicy(doubles(), "*")])
    assert seen == [[], ["call_0", "call_0_n2"]] and reviewed == ["call_0", "call_0_n2"]
    assert call_ids(scripted_requests(model)[-1].messages) == ["call_0", "call_0"]


def test_a_filter_that_answers_itself() -> None:
    async def answer(model: Model, messages: Any, tools: Any, choice: Any, config: Any) -> ModelOutput:
        made = ModelOutput.for_tool_call("m", "add", {"a": 1}, tool_call_id="call_0")
        made.choices[0].message.id = "message"
        return made

    async def body(site: Site) -> None:
        speaker = AnthropicSpeaker()
        answers = [await speaker.send(site, speaker.ask(str(number)), stream=False) for number in range(3)]
        assert [answer.ids for answer in answers] == [["call_0"], ["call_0_n2"], ["call_0_n3"]]
        assert len({answer.raw["id"] for answer in answers}) == 3

    in_sample(SCRIPT, body, filter=answer)


def test_host_tools_are_events_with_their_own_results() -> None:
    async def body(site: Site) -> None:
        given = {"name": "mcp__host__give", "description": "Gives a result of some kind.", "input_schema": {}}
        speaker = AnthropicSpeaker()
        ask = {**speaker.ask(), "tools": [given]}
        answer = await speaker.send(site, ask, stream=False)
        results = []
        for kind in ("text", "number"):
            async with Client(f"{site.url}/mcp/host") as client:
                told: Any = await client.call_tool("give", {"kind": kind})
            results.append(told.content[0].text)
        await speaker.send(site, speaker.follow_up(ask, answer, results), stream=False)

    script: list[ScriptStep] = [turn(call("give", kind="text"), call("give", kind="number")), say("done")]
    specs = [BridgedToolsSpec(name="host", tools=[give()])]
    log = in_sample(script, body, model=scripted(script, call_ids="constant"), bridged=specs)
    assert log.samples
    ran = [event for event in log.samples[0].events if isinstance(event, ToolEvent)]
    assert [event.id for event in ran] == ["call_0", "call_0_n2"]
    assert [event.arguments["kind"] for event in ran] == ["text", "number"]
    assert "some text" in str(ran[0].result) and "some text" not in str(ran[1].result)


def test_ids_that_claude_code_would_take_for_parts_of_another_call() -> None:
    identities = Identities()
    made = [ModelOutput.for_tool_call("m", "add", {}, tool_call_id=id) for id in ("call", "call_1", "x_1", "x")]
    for output in made:
        identities.give(output)
    ids = [(output.message.tool_calls or [])[0].id for output in made]
    assert ids == ["call", "call_1_n2", "x_1", "x_n2"]
