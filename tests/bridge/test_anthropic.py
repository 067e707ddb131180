"""The Anthropic dialect, with Anthropic's own SDK as the client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import httpx
import pytest
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage

from inspect_swe._bridge import intake, replies
from inspect_swe._bridge.dialects.anthropic import Anthropic
from inspect_swe._bridge.generations import Generations
from inspect_swe.testing import call, fail, say, scripted_requests, turn, wait

from .support import Site, in_sample

TOOL: dict[str, Any] = {
    "name": "add",
    "description": "Adds.",
    "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
ASK: dict[str, Any] = {
    "model": "any-name",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
    "tools": [TOOL],
}


def client(site: Site) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=site.url, api_key="x", max_retries=0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_cached_tokens_are_reported(monkeypatch: pytest.MonkeyPatch, stream: bool, slow: bool) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    async def body(site: Site) -> None:
        if stream:
            async with client(site).messages.stream(**ASK) as events:
                message = await events.get_final_message()
        else:
            message = await client(site).messages.create(**ASK)
        used = message.usage
        assert message.stop_reason == "end_turn"
        assert (used.input_tokens, used.cache_read_input_tokens, used.cache_creation_input_tokens) == (7, 3, 2)

    usage = ModelUsage(input_tokens=7, output_tokens=2, input_tokens_cache_read=3, input_tokens_cache_write=2)
    in_sample([wait(0.2 if slow else 0, say("hi there", usage=usage))], body)


def test_streamed_message_equals_the_plain_one() -> None:
    async def body(site: Site) -> None:
        async with client(site).messages.stream(**ASK) as stream:
            events = [event.type async for event in stream]
            message = await stream.get_final_message()
        assert events[0] == "message_start" and events[-1] == "message_stop"
        assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
        text, first, second = message.content
        assert text.type == "text" and text.text == "working on it"
        assert first.type == "tool_use" and first.input == {"a": 1}
        assert second.type == "tool_use" and second.input == {"a": 2} and first.id != second.id
        assert message.stop_reason == "tool_use"
        assert message.usage.output_tokens > 0

    in_sample([turn(call("add", a=1), call("add", a=2), text="working on it")], body)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_has_no_empty_fields(stream: bool) -> None:
    async def body(site: Site) -> None:
        reply = await post(site, {**ASK, "stream": stream})
        lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith(("data: ", "{"))]
        data = [json.loads(line) for line in lines]
        blocks = [item["content_block"] for item in data if "content_block" in item] if stream else data[0]["content"]
        (tool_use,) = (block for block in blocks if block["type"] == "tool_use")
        assert None not in tool_use.values()

    in_sample([call("add", a=1)], body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_error_shape(status: int, kind: str) -> None:
    assert Anthropic().error(status, "no") == {"type": "error", "error": {"type": kind, "message": "no"}}


async def post(site: Site, data: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(f"{site.url}/v1/messages?beta=true", content=content, headers=headers)


def test_body_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_BODY", 1 << 20)

    async def body(site: Site) -> None:
        reply = await post(site, {**ASK, "system": "x" * (2 << 20)})
        assert reply.status_code == 413

    in_sample([say("never")], body)


@pytest.mark.usefixtures("impatient")
def test_slow_stream_is_kept_alive() -> None:
    async def body(site: Site) -> None:
        async with httpx.AsyncClient() as http:
            async with http.stream("POST", f"{site.url}/v1/messages", json={**ASK, "stream": True}) as reply:
                text = "".join([chunk async for chunk in reply.aiter_text()])
        assert reply.status_code == 200
        assert text.count("event: ping") >= 3
        assert text.index("message_start") < text.index("event: ping") < text.index("worth the wait")
        assert text.rstrip().endswith('{"type": "message_stop"}')

    in_sample([wait(0.5, say("worth the wait"))], body)


def test_a_request_sent_again_is_attached() -> None:
    async def body(site: Site) -> None:
        first = asyncio.ensure_future(post(site, ASK))
        await asyncio.sleep(0.2)
        again = asyncio.ensure_future(post(site, ASK, {"x-stainless-retry-count": "1"}))
        replies = await asyncio.gather(first, again)
        assert [reply.json()["content"][0]["text"] for reply in replies] == ["once", "once"]
        assert site.app.stats.requests == 1

    in_sample([wait(0.6, say("once")), say("twice")], body)


def test_a_request_whose_client_went_away_is_attached() -> None:
    async def body(site: Site) -> None:
        with pytest.raises(httpx.ReadTimeout):
            async with httpx.AsyncClient(timeout=0.2) as http:
                await http.post(f"{site.url}/v1/messages", json=ASK)
        await asyncio.sleep(0.8)  # the generation ends while nobody waits for it
        async with httpx.AsyncClient() as http:
            reply = await http.post(f"{site.url}/v1/messages", json=ASK)
        assert reply.json()["content"][0]["text"] == "once"
        assert len(scripted_requests(site.model)) == 1

    in_sample([wait(0.6, say("once")), say("twice")], body)


def test_equal_requests_of_two_clients_are_two_requests() -> None:
    async def body(site: Site) -> None:
        replies = await asyncio.gather(post(site, ASK), post(site, ASK))
        assert sorted(reply.json()["content"][0]["text"] for reply in replies) == ["one", "two"]

    in_sample([wait(0.2, say("one")), wait(0.2, say("two"))], body)


def test_a_slow_request_does_not_hold_up_others() -> None:
    released = asyncio.Event()

    async def hold(model: Any, messages: list[ChatMessage], *others: Any) -> ModelOutput:
        if messages[0].role == "system":
            return ModelOutput.from_content("m", "quick")
        await released.wait()
        return ModelOutput.from_content("m", "slow")

    async def body(site: Site) -> None:
        slow = asyncio.ensure_future(post(site, ASK))
        for number in range(5):
            quick = await post(site, {**ASK, "system": str(number)})
            assert quick.json()["content"][0]["text"] == "quick"
        assert not slow.done()
        released.set()
        assert (await slow).json()["content"][0]["text"] == "slow"

    in_sample([], body, filter=hold)


def test_count_tokens_and_models() -> None:
    async def body(site: Site) -> None:
        long_ask: dict[str, Any] = {"messages": [{"role": "user", "content": "word " * 1000}], "tools": [TOOL]}
        short = await client(site).messages.count_tokens(model="m", messages=ASK["messages"])
        long = await client(site).messages.count_tokens(model="m", system="be good", **long_ask)
        assert 0 < short.input_tokens < 100 < long.input_tokens
        models = [model.id async for model in client(site).models.list()]
        assert models == ["m"]

    in_sample([], body)


def test_half_a_character_does_no_harm() -> None:
    async def body(site: Site) -> None:
        text = json.dumps({**ASK, "messages": [{"role": "user", "content": "cut \ud83d here, whole \U0001f600"}]})
        assert (await post(site, text.encode())).status_code == 200
        (request,) = scripted_requests(site.model)
        assert request.messages[-1].text == "cut ? here, whole \U0001f600"

    in_sample([say("ok")], body)


@pytest.mark.anyio
async def test_all_generations_end_with_the_sample() -> None:
    async def generate() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    generations = Generations()
    made = []
    for _ in range(2):
        made.append(generations.claim("r", b"same", False, generate))
        made[-1].waiting += 1
    assert made[0] is not made[1]
    await generations.aclose()
    assert all(generation.task.cancelled() for generation in made)


async def lost(site: Site, size: int) -> None:
    """Send a request, and go away in the middle of its reply, after so many bytes."""
    reader, writer = await site.connect()
    data = json.dumps(ASK).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    writer.write(head.encode() + b"\r\n\r\n" + data)
    assert len(await reader.readexactly(size)) == size
    writer.transport.abort()
    await asyncio.sleep(0.1)


LONG = "once " * 500_000


@pytest.mark.parametrize("says_so", [False, True])
def test_a_reply_that_was_lost_on_the_way_is_sent_again(says_so: bool) -> None:
    async def body(site: Site) -> None:
        await lost(site, 1000)
        reply = await post(site, ASK, {"x-stainless-retry-count": "1"} if says_so else {})
        assert reply.json()["content"][0]["text"] == LONG
        assert len(scripted_requests(site.model)) == 1
        reply = await post(site, ASK)
        assert reply.json()["content"][0]["text"] == "twice", "it was received: an equal request is a new one"

    in_sample([say(LONG), say("twice")], body)


def test_a_client_that_says_so_is_sent_a_small_reply_again() -> None:
    async def body(site: Site) -> None:
        await lost(site, 100)  # All of it was on its way already.
        reply = await post(site, ASK, {"x-stainless-retry-count": "1"})
        assert reply.json()["content"][0]["text"] == "once"
        assert len(scripted_requests(site.model)) == 1
        reply = await post(site, ASK)
        assert reply.json()["content"][0]["text"] == "twice"

    in_sample([say("once"), say("twice")], body)


def test_an_error_is_asked_for_again() -> None:
    async def body(site: Site) -> None:
        assert (await post(site, ASK)).status_code == 529
        reply = await post(site, ASK, {"x-stainless-retry-count": "1"})
        assert reply.json()["content"][0]["text"] == "well"

    in_sample([fail(529, "too much"), say("well")], body)
