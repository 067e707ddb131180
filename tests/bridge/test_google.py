"""Gemini: its paths, its errors, and what its SDKs send."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from google import genai
from inspect_ai.model import ModelUsage

from inspect_swe._bridge import replies
from inspect_swe._bridge.dialects.google import Google
from inspect_swe.testing import call, fail, say, scripted_requests, wait

from .speakers import GoogleSpeaker, post
from .support import Site, in_sample

SPEAKER = GoogleSpeaker()


async def send(site: Site, path: str, data: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(site.url + path, json=data)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize("model", ["gemini-2.5-pro", "inspect/red", "..%2F..%2Fetc"])
def test_paths(version: str, model: str) -> None:
    async def body(site: Site) -> None:
        path = f"/{version}/models/{model}"
        plain = await send(site, f"{path}:generateContent", SPEAKER.ask())
        events = await send(site, f"{path}:streamGenerateContent?alt=sse", SPEAKER.ask())
        listed = await send(site, f"{path}:streamGenerateContent", SPEAKER.ask())
        assert plain.json()["candidates"][0]["content"]["parts"] == [{"text": "me"}]
        assert events.headers["content-type"].startswith("text/event-stream")
        assert json.loads(events.text.removeprefix("data: ")) == plain.json() and events.text.endswith("\n\n")
        assert listed.json() == [plain.json()]

    in_sample([say("me", usage=ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2))] * 3, body)


def test_streaming_is_a_matter_of_the_path() -> None:
    async def body(site: Site) -> None:
        reply = await send(site, "/v1beta/models/m:generateContent", {**SPEAKER.ask(), "stream": True})
        assert reply.headers["content-type"] == "application/json" and reply.json()["candidates"]

    in_sample([say("me")], body)


def test_unknown_method() -> None:
    async def body(site: Site) -> None:
        reply = await send(site, "/v1beta/models/m:embedContent", {})
        assert reply.status_code == 404 and reply.json()["error"]["status"] == "NOT_FOUND"

    in_sample([], body)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (418, "FAILED_PRECONDITION"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (529, "UNAVAILABLE"),
        (599, "INTERNAL"),
    ],
)
def test_error_shape(status: int, name: str) -> None:
    assert Google().error(status, "no") == {"error": {"code": status, "message": "no", "status": name}}


def test_count_tokens() -> None:
    async def body(site: Site) -> None:
        models: Any = genai.Client(api_key="x", http_options={"base_url": site.url}).aio.models
        short = await models.count_tokens(model="m", contents="hello")
        long = await models.count_tokens(model="m", contents="word " * 1000)
        assert 0 < short.total_tokens < 100 < long.total_tokens
        wrapped = {"model": "models/m", "systemInstruction": {"parts": [{"text": "be good"}]}, **SPEAKER.ask()}
        reply = await send(site, "/v1beta/models/m:countTokens", {"generateContentRequest": wrapped})
        assert reply.json()["totalTokens"] > short.total_tokens
        unusable: list[dict[str, Any]] = [{}, {"contents": [1]}, {"generateContentRequest": {}}]
        for broken in unusable:
            assert (await send(site, "/v1beta/models/m:countTokens", broken)).status_code == 400

    in_sample([], body)


def test_tools_as_gemini_cli_and_the_sdks_write_them() -> None:
    async def body(site: Site) -> None:
        shouted = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}, "required": ["a"]}
        plain = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
        functions: list[dict[str, Any]] = [
            {"name": "first", "description": "d", "parameters": shouted},
            {"name": "second", "description": "d", "parametersJsonSchema": plain},
        ]
        tools = [{"functionDeclarations": functions}, {"googleSearch": {}}]
        reply = await post(site, SPEAKER, {**SPEAKER.ask(), "tools": tools})
        assert reply.json()["candidates"][0]["content"]["parts"][-1]["functionCall"]["name"] == "second"
        first, second = scripted_requests(site.model)[0].tools
        assert first.parameters == second.parameters

    in_sample([call("second", a=1)], body)


def test_a_tool_result_that_is_handed_over_twice_counts_once() -> None:
    async def body(site: Site) -> None:
        def answer(call: str, output: str) -> dict[str, Any]:
            return {"functionResponse": {"id": call, "name": "sh", "response": {"output": output}}}

        asked: list[dict[str, Any]] = [{"functionCall": {"id": call, "name": "sh", "args": {}}} for call in ("a", "b")]
        twice = [answer("a", "one"), answer("b", "two")]
        contents = [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": asked},
            {"role": "user", "parts": twice},
            {"role": "user", "parts": [*twice, answer("a", "one")]},
            {"role": "user", "parts": [{"text": "and now?"}]},
        ]
        await post(site, SPEAKER, {**SPEAKER.ask(), "contents": contents})
        messages = scripted_requests(site.model)[0].messages
        assert [message.role for message in messages] == ["user", "assistant", "tool", "tool", "user"]
        assert ["one" in messages[2].text, "two" in messages[3].text] == [True, True]

    in_sample([say("done")], body)


def test_slow_failure_is_bare_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    async def body(site: Site) -> None:
        reply = await post(site, SPEAKER, SPEAKER.ask(), stream=True)
        # The JavaScript SDK parses what arrives as JSON, to find an error in it.
        assert reply.json() == {"error": {"code": 429, "message": "too much", "status": "RESOURCE_EXHAUSTED"}}

    in_sample([wait(0.3, fail(429, "too much"))], body)
