"""The Anthropic dialect, with Anthropic's own SDK as the client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import httpx
import pytest
from inspect_ai.model import ModelOutput, ModelUsage

from inspect_swe._bridge import intake, replies
from inspect_swe._bridge.generations import Generations
from inspect_swe._bridge.settings import BridgeSettings, OfferedTools
from inspect_swe._errors import ToolsMissingError
from inspect_swe.testing import ScriptedRequest, call, fail, refuse, say, scripted_requests, turn, wait

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


def test_plain_message() -> None:
    async def body(site: Site) -> None:
        message = await client(site).messages.create(**ASK)
        assert message.content[0].type == "text" and message.content[0].text == "hi there"
        assert message.stop_reason == "end_turn"
        assert message.usage.input_tokens == 7 and message.usage.cache_read_input_tokens == 3

    usage = ModelUsage(input_tokens=7, output_tokens=2, total_tokens=12, input_tokens_cache_read=3)
    in_sample([say("hi there", usage=usage)], body)


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_cached_tokens_are_told(monkeypatch: pytest.MonkeyPatch, stream: bool, slow: bool) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    async def body(site: Site) -> None:
        if stream:
            async with client(site).messages.stream(**ASK) as events:
                used = (await events.get_final_message()).usage
        else:
            used = (await client(site).messages.create(**ASK)).usage
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


def test_refusal() -> None:
    async def body(site: Site) -> None:
        message = await client(site).messages.create(**ASK)
        assert message.stop_reason == "refusal"

    in_sample([refuse("no")], body)


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
@pytest.mark.parametrize("stream", [False, True])
def test_provider_errors_keep_status_and_text(status: int, kind: str, stream: bool) -> None:
    async def body(site: Site) -> None:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client(site).messages.create(**ASK, stream=stream)
        assert caught.value.status_code == status
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["error"] == {"type": kind, "message": "the provider says no"}
        assert site.app.stats.failure == (status, "the provider says no")

    in_sample([fail(status, "the provider says no")], body)


def test_errors_of_ours_tell_the_client_nothing() -> None:
    def broken(request: ScriptedRequest) -> Any:
        raise RuntimeError("secret at /home/me/.config/key")

    async def body(site: Site) -> None:
        reply = await post(site, ASK)
        assert reply.status_code == 400
        assert "/home/me" not in reply.text and "secret" not in reply.text and "Traceback" not in reply.text
        assert site.app.stats.failure and "secret at /home/me" in site.app.stats.failure[1]

    in_sample([broken], body)


async def post(site: Site, data: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(f"{site.url}/v1/messages?beta=true", content=content, headers=headers)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"[" * 100_000, {"model": 1}, {"model": "m"}, {}])
def test_malformed_requests(data: Any) -> None:
    async def body(site: Site) -> None:
        reply = await post(site, data)
        assert reply.status_code == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"
        assert site.app.stats.requests == 0

    in_sample([say("never")], body)


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


@pytest.mark.usefixtures("impatient")
def test_slow_failure_is_an_error_event_never_half_a_message() -> None:
    async def body(site: Site) -> None:
        with pytest.raises(anthropic.APIStatusError, match="too much"):
            async with client(site).messages.stream(**ASK) as stream:
                await stream.get_final_message()
        with pytest.raises(httpx.RemoteProtocolError):
            await post(site, ASK)

    in_sample([wait(0.3, fail(529, "too much")), wait(0.3, fail(529, "too much"))], body)


@pytest.mark.usefixtures("impatient")
def test_slow_plain_message() -> None:
    async def body(site: Site) -> None:
        message = await client(site).messages.create(**ASK)
        assert message.content[0].type == "text" and message.content[0].text == "late"

    in_sample([wait(0.3, say("late"))], body)


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
    async def body(site: Site) -> None:
        slow = asyncio.ensure_future(post(site, ASK))
        await asyncio.sleep(0.1)
        for number in range(5):
            quick = await post(site, {**ASK, "system": str(number)})
            assert quick.json()["content"][0]["text"] == "quick"
        assert not slow.done()
        assert (await slow).json()["content"][0]["text"] == "slow"

    in_sample([wait(3, say("slow")), *[say("quick")] * 5], body)


def test_count_tokens_and_models() -> None:
    async def body(site: Site) -> None:
        long_ask: dict[str, Any] = {"messages": [{"role": "user", "content": "word " * 1000}], "tools": [TOOL]}
        short = await client(site).messages.count_tokens(model="m", messages=ASK["messages"])
        long = await client(site).messages.count_tokens(model="m", system="be good", **long_ask)
        assert 0 < short.input_tokens < 100 < long.input_tokens
        models = [model.id async for model in client(site).models.list()]
        assert models == ["m"]

    in_sample([], body)


def test_any_model_name_is_served_by_the_evals_model() -> None:
    async def body(site: Site) -> None:
        for name in ("gpt-4o", "claude-opus-4-1", "openai/gpt-5", "../../etc/passwd"):
            message = await client(site).messages.create(**{**ASK, "model": name})
            assert message.content[0].type == "text" and message.content[0].text == "me"

    in_sample([say("me")] * 4, body)


def test_missing_mcp_tools_end_the_sample() -> None:
    async def body(site: Site) -> None:
        reply = await post(site, ASK)
        assert reply.status_code == 400
        (ending,) = site.ended
        assert isinstance(ending, ToolsMissingError)
        assert "'host'" in str(ending) and "lookup" in str(ending)

    expected = {"host": OfferedTools("mcp__host__", {"mcp__host__lookup": "lookup"})}
    in_sample([say("never")], body, settings=BridgeSettings(expected_tools=expected))


def test_conversation_is_the_root_thread() -> None:
    async def body(site: Site) -> None:
        messages: list[Any] = [{"role": "user", "content": "The task."}]
        for answer in ("one", "two"):
            await client(site).messages.create(**{**ASK, "messages": messages})
            messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "go on"}]
        assert [message.text for message in site.state.messages] == ["The task.", "one", "go on", "two"]
        assert isinstance(site.state.output, ModelOutput) and site.state.output.completion == "two"

    in_sample([say("one"), say("two")], body)


def test_tools_that_were_not_chosen_of_a_server_are_withheld() -> None:
    async def body(site: Site) -> None:
        tools = [{**TOOL, "name": name} for name in ("mcp__std__add", "mcp__std__drop", "mcp__web__drop", "Bash")]
        assert (await post(site, {**ASK, "tools": tools})).status_code == 200
        (request,) = scripted_requests(site.model)
        assert request.tool_names == ["mcp__std__add", "mcp__web__drop", "Bash"]

    expected = {"std": OfferedTools("mcp__std__", {"mcp__std__add": "add"}), "web": OfferedTools("mcp__web__")}
    in_sample([say("ok")], body, settings=BridgeSettings(expected_tools=expected))


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
