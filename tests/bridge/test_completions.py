"""OpenAI Chat Completions: its chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inspect_swe._bridge import replies
from inspect_swe._bridge.dialects.completions import Completions
from inspect_swe.testing import call, fail, say, turn, wait

from .speakers import CompletionsSpeaker, post
from .support import Site, in_sample

SPEAKER = CompletionsSpeaker()
MESSAGES: dict[str, Any] = {"model": "m", "messages": []}


def chunks(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line and not line.startswith(":")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def deltas(found: list[Any]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in found if chunk != "[DONE]" and chunk["choices"]]


def test_chunks_of_text_and_calls() -> None:
    async def body(site: Site) -> None:
        found = chunks((await post(site, SPEAKER, SPEAKER.ask(), stream=True)).text)
        first, second = {"index": 0}, {"index": 1}
        role, text, *calls, end = deltas(found)
        assert role == {"role": "assistant", "content": ""} and text == {"content": "working"} and end == {}
        pieces = [delta["tool_calls"][0] for delta in calls]
        assert [piece["index"] for piece in pieces] == [0, 0, 1, 1]
        assert pieces[0]["function"] == {"name": "add", "arguments": ""} and pieces[0]["type"] == "function"
        assert pieces[1] == {**first, "function": {"arguments": '{"a": 1}'}}
        assert pieces[3] == {**second, "function": {"arguments": '{"a": 2}'}}
        assert pieces[0]["id"] != pieces[2]["id"]
        assert found[-1] == "[DONE]" and found[-2]["choices"][0]["finish_reason"] == "tool_calls"
        assert len({chunk["id"] for chunk in found[:-1]}) == 1
        assert not any("usage" in chunk for chunk in found[:-1])

    in_sample([turn(call("add", a=1), call("add", a=2), text="working")], body)


@pytest.mark.parametrize("slow", [False, True])
def test_usage_chunk(monkeypatch: pytest.MonkeyPatch, slow: bool) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    async def body(site: Site) -> None:
        ask = {**SPEAKER.ask(), "stream_options": {"include_usage": True}}
        found = chunks((await post(site, SPEAKER, ask, stream=True)).text)
        *others, last, done = found
        assert done == "[DONE]" and last["choices"] == [] and last["usage"]["total_tokens"] > 0
        assert others and all(chunk["usage"] is None for chunk in others)
        assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in found[:-1]}) == 1
        assert [delta.get("role") for delta in deltas(found)] == ["assistant", None, None]

    in_sample([wait(0.2 if slow else 0, say("hi"))], body)


def test_slow_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    async def body(site: Site) -> None:
        role, error = chunks((await post(site, SPEAKER, SPEAKER.ask(), stream=True)).text)
        assert role["choices"][0]["delta"]["role"] == "assistant"
        assert error == {"error": {"message": "too much", "type": "server_error", "param": None, "code": None}}

    in_sample([wait(0.2, fail(529, "too much"))], body)


def test_refusals_custom_calls_and_several_choices() -> None:
    custom = {"id": "c1", "type": "custom", "custom": {"name": "apply_patch", "input": "*** Begin"}}
    choices = [
        {"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant", "refusal": "no"}},
        {"index": 1, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [custom]}},
    ]
    reply = {"id": "x", "created": 1, "model": "m", "choices": choices, "usage": None}
    found = chunks(b"".join(Completions().stream(MESSAGES, reply, opened=False)).decode())
    start = {"role": "assistant", "content": ""}
    begun, rest = {**custom, "index": 0, "custom": {"name": "apply_patch", "input": ""}}, {"input": "*** Begin"}
    assert deltas(found) == [
        *[start, {"refusal": "no"}, {}],
        *[start, {"tool_calls": [begun]}, {"tool_calls": [{"index": 0, "custom": rest}]}, {}],
    ]
    assert [chunk["choices"][0]["index"] for chunk in found[:-1]] == [0, 0, 0, 1, 1, 1, 1]


def test_functions_without_description_or_parameters() -> None:
    async def body(site: Site) -> None:
        ask = {**SPEAKER.ask(), "tools": [{"type": "function", "function": {"name": "bare"}}]}
        assert (await SPEAKER.send(site, ask, stream=False)).calls == [("bare", {})]

    in_sample([call("bare")], body)
