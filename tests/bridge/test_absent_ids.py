"""Ids of calls, messages and reasoning items that a server repeats or leaves out, over Inspect's own providers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.model import Model, get_model

from .speakers import AnthropicSpeaker, CompletionsSpeaker, GoogleSpeaker, ResponsesSpeaker
from .support import Site, in_sample
from .test_provider_ids import chat, response, server

RESULTS = [["one", "two"], ["three"], ["four"]]
TURNS = [(1, 2), (1,), (3,)]
ALL = [(1, "one"), (2, "two"), (1, "three"), (3, "four")]


def anthropic(id: dict[str, Any], *numbers: int) -> dict[str, Any]:
    uses = [{**id, "type": "tool_use", "name": "add", "input": {"a": number}} for number in numbers]
    reason = "tool_use" if uses else "end_turn"
    said = uses or [{"type": "text", "text": "done"}]
    plain = {"type": "message", "role": "assistant", "model": "claude-3-5-sonnet-latest", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"id": "msg_1", "content": said, "stop_reason": reason, "usage": usage, **plain}


def completions(id: dict[str, Any], *numbers: int) -> dict[str, Any]:
    return chat(*(json.dumps({"a": number}) for number in numbers), **id)


def responses(id: dict[str, Any], *numbers: int) -> dict[str, Any]:
    named = {"call_id": id["id"]} if "id" in id else {}
    calls = [
        {"type": "function_call", "name": "add", "arguments": json.dumps({"a": number}), "status": "completed", **named}
        for number in numbers
    ]
    done: dict[str, Any] = {"type": "message", "role": "assistant", "status": "completed", "id": "msg"}
    done["content"] = [{"type": "output_text", "text": "done", "annotations": []}]
    return response(*(calls or [done]))


def google(id: dict[str, Any], *numbers: int) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"functionCall": {**id, "name": "add", "args": {"a": number}}} for number in numbers]
    content = {"role": "model", "parts": parts or [{"text": "done"}]}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


PROVIDERS: dict[str, Any] = {
    "anthropic": (AnthropicSpeaker(), anthropic, "anthropic/claude-3-5-sonnet-latest", {"streaming": False}),
    "completions": (CompletionsSpeaker(), completions, "openai-api/local/m", {}),
    "responses": (ResponsesSpeaker(), responses, "openai/gpt-5", {"responses_api": True}),
    "google": (GoogleSpeaker(), google, "google/gemini-2.5-pro", {}),
}
IDS: dict[str, dict[str, Any]] = {"null": {"id": None}, "empty": {"id": ""}, "absent": {}, "constant": {"id": "call_0"}}


@contextlib.contextmanager
def serving(provider: str, answers: list[dict[str, Any]]) -> Iterator[tuple[Model, list[dict[str, Any]]]]:
    """Serve answers on loopback; yields the model of Inspect's own provider, and the requests."""
    _, _, name, options = PROVIDERS[provider]
    with server(answers) as (url, asked):
        base = url.removesuffix("/v1") if provider in ("anthropic", "google") else url
        yield get_model(name, base_url=base, api_key="x", memoize=False, **options), asked


def paired(provider: str, request: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    """The calls of a request, in order: id, argument, the id of its result, and its result."""
    if provider == "google":
        parts = [part for content in request["contents"] for part in content["parts"]]
        calls = [("", part["functionCall"]["args"]["a"]) for part in parts if "functionCall" in part]
        results = [("", str(part["functionResponse"]["response"])) for part in parts if "functionResponse" in part]
    elif provider == "responses":
        items = [item for item in request["input"] if item.get("type", "").startswith("function_call")]
        calls = [(each["call_id"], json.loads(each["arguments"])["a"]) for each in items if "arguments" in each]
        results = [(each["call_id"], str(each["output"])) for each in items if "output" in each]
    elif provider == "completions":
        given = [call for message in request["messages"] for call in message.get("tool_calls") or []]
        calls = [(call["id"], json.loads(call["function"]["arguments"])["a"]) for call in given]
        told = [message for message in request["messages"] if message["role"] == "tool"]
        results = [(message["tool_call_id"], str(message["content"])) for message in told]
    else:
        blocks = [
            b for message in request["messages"] if isinstance(message["content"], list) for b in message["content"]
        ]
        calls = [(block["id"], block["input"]["a"]) for block in blocks if block["type"] == "tool_use"]
        told = [block for block in blocks if block["type"] == "tool_result"]
        results = [(block["tool_use_id"], str(block["content"])) for block in told]
    return [(*call, *result) for call, result in zip(calls, results, strict=True)]


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_result_is_there_once_with_its_call(provider: str, id: str) -> None:
    speaker, make, _, _ = PROVIDERS[provider]

    async def body(site: Site) -> None:
        ask, seen = speaker.ask(), []
        for results in RESULTS:
            answer = await speaker.send(site, ask, stream=False)
            seen += answer.ids
            ask = speaker.follow_up(ask, answer, results)
        await speaker.send(site, ask, stream=False)
        assert len(seen) == len({*seen}) == (0 if provider == "google" else 4) and all(seen)

    answers = [make(IDS[id], *numbers) for numbers in TURNS] + [make(IDS[id])]
    with serving(provider, answers) as (model, asked):
        log = in_sample([], body, model=model)
    assert log.samples
    events = log.samples[0].events
    ran = [event for event in events if isinstance(event, ToolEvent)]
    assert [(event.arguments["a"], event.result) for event in ran] == ALL
    shown = [c.id for e in events if isinstance(e, ModelEvent) for c in e.output.message.tool_calls or []]
    assert [event.id for event in ran] == shown and len({*shown}) == 4
    told = paired(provider, asked[-1])
    assert [number for _, number, _, _ in told] == [number for number, _ in ALL]
    assert all(text in result for (_, _, _, result), (_, text) in zip(told, ALL, strict=True))
    assert all(call == result for call, _, result, _ in told)
    if id == "constant" and provider != "google":
        assert {call for call, _, _, _ in told} == {"call_0"}, "the server gets its own ids back"


def reasoning(number: int, id: dict[str, Any]) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": f"thought {number}"}]
    return {**id, "type": "reasoning", "summary": summary, "encrypted_content": f"secret{number}"}


@pytest.mark.parametrize("id", [{"id": "rs_1"}, {"id": ""}, {}], ids=["constant", "empty", "absent"])
def test_reasoning_items(id: dict[str, Any]) -> None:
    """Each stays before its own call, with the server's id. The CLI sees another id."""
    speaker = ResponsesSpeaker()

    async def body(site: Site) -> None:
        ask, seen = speaker.ask(), list[str]()
        for number in (1, 2, 3):
            answer = await speaker.send(site, ask, stream=False)
            seen.extend(item.id for item in answer.raw.output)
            assert answer.raw.output[0].type == "reasoning"
            ask = speaker.follow_up(ask, answer, [f"result {number}"])
        await speaker.send(site, ask, stream=False)
        assert len(seen) == len({*seen}) == 6

    answers = []
    for number in (1, 2, 3):
        call = {"type": "function_call", "name": "add", "arguments": json.dumps({"a": number}), "status": "completed"}
        answers.append(response(reasoning(number, id), {**call, "id": "fc_1", "call_id": "call_0"}))
    with serving("responses", [*answers, responses({})]) as (model, asked):
        log = in_sample([], body, model=model)
    told = [item for item in asked[-1]["input"] if item.get("type") in ("reasoning", "function_call")]
    assert [item["type"] for item in told] == ["reasoning", "function_call"] * 3
    assert [item["encrypted_content"] for item in told[::2]] == ["secret1", "secret2", "secret3"]
    assert [json.loads(item["arguments"])["a"] for item in told[1::2]] == [1, 2, 3]
    assert [item.get("id") for item in told[::2]] == [id.get("id")] * 3
    assert log.samples
    asked_of = [event for event in log.samples[0].events if isinstance(event, ModelEvent)]
    assert len({event.output.message.id for event in asked_of}) == 4
