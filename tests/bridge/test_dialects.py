"""What holds for every dialect, each spoken by its official SDK."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from inspect_ai.model import ContentImage, ModelUsage

from inspect_swe._bridge import replies
from inspect_swe._bridge.settings import BridgeSettings, OfferedTools
from inspect_swe._errors import ToolsMissingError
from inspect_swe.testing import ScriptedRequest, call, fail, refuse, say, scripted_requests, turn, wait

from .speakers import PIXEL, SPEAKERS, Speaker, post
from .support import Site, in_sample

each = pytest.mark.parametrize("speaker", SPEAKERS, ids=[speaker.name for speaker in SPEAKERS])
streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)


@each
@streamed
def test_text_and_usage(speaker: Speaker, stream: bool) -> None:
    async def body(site: Site) -> None:
        answer = await speaker.send(site, speaker.ask(), stream)
        assert answer.text == "hi there" and not answer.calls
        assert (answer.input_tokens, answer.cached_tokens, answer.output_tokens) == (10, 3, 2)

    usage = ModelUsage(input_tokens=7, output_tokens=2, total_tokens=12, input_tokens_cache_read=3)
    in_sample([say("hi there", usage=usage)], body)


@each
@streamed
def test_cached_tokens_are_input(speaker: Speaker, stream: bool) -> None:
    cases = [(3, 2), (None, 5), (5, None), (0, 5)]

    async def body(site: Site) -> None:
        for read, _ in cases:
            answer = await speaker.send(site, speaker.ask(), stream)
            assert (answer.input_tokens, answer.cached_tokens, answer.output_tokens) == (12, read or 0, 2)
            assert answer.total_tokens == 14

    usages = [
        ModelUsage(input_tokens=7, output_tokens=2, input_tokens_cache_read=read, input_tokens_cache_write=written)
        for read, written in cases
    ]
    in_sample([say("hi there", usage=usage) for usage in usages], body)


@each
def test_streamed_equals_plain(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        plain = await speaker.send(site, speaker.ask(), stream=False)
        assert plain == await speaker.send(site, speaker.ask(), stream=True)
        assert plain.text == "working on it" and plain.calls == [("add", {"a": 1}), ("add", {"a": 2})]

    usage = ModelUsage(input_tokens=5, output_tokens=4, total_tokens=9)
    in_sample([turn(call("add", a=1), call("add", a=2), text="working on it", usage=usage)] * 2, body)


@each
@streamed
def test_results_of_parallel_calls_reach_the_model(speaker: Speaker, stream: bool) -> None:
    async def body(site: Site) -> None:
        ask = speaker.ask()
        answer = await speaker.send(site, ask, stream)
        last = await speaker.send(site, speaker.follow_up(ask, answer, ["one", "two"]), stream)
        assert last.text == "done"
        messages = scripted_requests(site.model)[1].messages
        assert [message.role for message in messages] == ["user", "assistant", "tool", "tool"]
        _, said, first, second = messages
        assert said.role == "assistant" and said.tool_calls and first.role == "tool" and second.role == "tool"
        ids = [call.id for call in said.tool_calls]
        assert ids == [first.tool_call_id, second.tool_call_id] and ids[0] != ids[1]
        assert ids == (answer.ids or ids)
        assert "one" in first.text and "two" in second.text

    in_sample([turn(call("add", a=1), call("add", a=2), text="working"), say("done")], body)


@each
@streamed
def test_refusal(speaker: Speaker, stream: bool) -> None:
    async def body(site: Site) -> None:
        answer = await speaker.send(site, speaker.ask(), stream)
        assert answer.finish == speaker.filtered and answer.text == "no"

    in_sample([refuse("no")], body)


@each
def test_image(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        await speaker.send(site, speaker.ask("what is this?", image=True), stream=True)
        (message,) = scripted_requests(site.model)[0].messages
        image = message.content[1]
        assert message.text == "what is this?"
        assert isinstance(image, ContentImage) and image.image == f"data:image/png;base64,{PIXEL}"

    in_sample([say("a pixel")], body)


@each
@streamed
def test_provider_errors_keep_status_and_text(speaker: Speaker, stream: bool) -> None:
    statuses = [400, 401, 429, 500, 529]

    async def body(site: Site) -> None:
        for status in statuses:
            with pytest.raises(Exception) as caught:
                await speaker.send(site, speaker.ask(f"to fail with {status}"), stream)
            assert speaker.failure(caught.value) == (status, "the provider says no")
            assert site.app.stats.failure == (status, "the provider says no")

    in_sample([fail(status, "the provider says no") for status in statuses], body)


@each
def test_retries_start_after_one_second(speaker: Speaker) -> None:
    retry_after = {400: None, 429: "1", 500: "1", 529: "1"}

    async def body(site: Site) -> None:
        for status, seconds in retry_after.items():
            reply = await post(site, speaker, speaker.ask(f"to fail with {status}"))
            assert reply.status_code == status and reply.headers.get("retry-after") == seconds

    in_sample([fail(status, "the provider says no") for status in retry_after], body)


@each
@streamed
@pytest.mark.parametrize("slow", [False, True], ids=["at once", "late"])
def test_the_clients_of_internal_errors_get_no_details(
    speaker: Speaker, stream: bool, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if slow:
        monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    def broken(request: ScriptedRequest) -> Any:
        try:
            Path("/home/me/.config/key").read_text()
        except OSError:
            raise RuntimeError("key sk-secret from /home/me/.config") from None

    async def body(site: Site) -> None:
        path, data = speaker.request(speaker.ask(), stream)
        received = await receive_all(site.url + path, json.dumps(data).encode())
        assert stream or slow or b" 400 " in received
        assert b"RuntimeError" in received or (slow and not stream)  # then the connection just ends
        for hidden in (b"/home/me", b"sk-secret", b"Traceback", b".py"):
            assert hidden not in received
        assert site.app.stats.failure and "sk-secret" in site.app.stats.failure[1]

    in_sample([wait(0.2, broken) if slow else broken], body)


async def receive_all(url: str, content: bytes) -> bytes:
    """Return a reply's status, headers and body, even if it ends early."""
    received = bytearray()
    async with httpx.AsyncClient(timeout=30) as http:
        with contextlib.suppress(httpx.RemoteProtocolError):
            async with http.stream("POST", url, content=content) as reply:
                received += f"HTTP {reply.status_code} {reply.headers}".encode()
                async for chunk in reply.aiter_raw():
                    received += chunk
    return bytes(received)


@each
@streamed
def test_any_model_name_is_served_by_the_evals_model(speaker: Speaker, stream: bool) -> None:
    names = ["gpt-4o", "anthropic/claude-opus-4-1", "openai/gpt-5", "google/gemini-3", "inspect"]

    async def body(site: Site) -> None:
        path, data = speaker.request(speaker.ask(), stream)
        if "model" in data:
            names.append("../../etc/passwd")
        async with httpx.AsyncClient(timeout=30) as http:
            for name in names:
                named = {**data, "model": name} if "model" in data else data
                reply = await http.post(site.url + path.replace("any-name", name), json=named)
                assert reply.status_code == 200 and "I am the eval's" in reply.text
        assert len(scripted_requests(site.model)) == len(names)

    in_sample([say("I am the eval's")] * (len(names) + 1), body)


@each
@streamed
def test_malformed_requests(speaker: Speaker, stream: bool) -> None:
    async def body(site: Site) -> None:
        for data in (b"", b"{", b"[]", b'"x"', b"[" * 100_000, {"model": 1}, {"model": "m"}, {}):
            reply = await post(site, speaker, data, stream)
            assert reply.status_code == 400 and reply.json()["error"]["message"], data
        assert site.app.stats.requests == 0

    in_sample([say("never")], body)


@each
def test_requests_that_no_handler_understands(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        for part in speaker.ask().keys() - {"model", "max_tokens"}:
            reply = await post(site, speaker, {**speaker.ask(), part: [1, None]})
            assert reply.status_code == 400 and reply.json()["error"]["message"]
        assert (await speaker.send(site, speaker.ask(), stream=False)).text == "still here"

    in_sample([say("still here")], body)


@each
@pytest.mark.usefixtures("impatient")
def test_slow_stream_is_kept_alive(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        reply = await post(site, speaker, speaker.ask(), stream=True)
        assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/event-stream")
        before, _, after = reply.text.partition("worth the wait")
        assert before.count(speaker.ping) >= 3 and after and speaker.ping not in after
        assert (await speaker.send(site, speaker.ask("again"), stream=True)).text == "and again"

    in_sample([wait(0.5, say("worth the wait")), wait(0.5, say("and again"))], body)


@each
@pytest.mark.usefixtures("impatient")
def test_slow_failure_is_an_error_never_half_a_message(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        with pytest.raises(speaker.stream_error, match="too much"):
            await speaker.send(site, speaker.ask(), stream=True)
        with pytest.raises(httpx.RemoteProtocolError):
            await post(site, speaker, speaker.ask())

    in_sample([wait(0.3, fail(529, "too much")), wait(0.3, fail(529, "too much"))], body)


@each
@pytest.mark.usefixtures("impatient")
def test_slow_plain_reply(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        assert (await speaker.send(site, speaker.ask(), stream=False)).text == "late"

    in_sample([wait(0.3, say("late"))], body)


@each
def test_missing_mcp_tools_end_the_sample(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        reply = await post(site, speaker, speaker.ask())
        assert reply.status_code == 400
        (ending,) = site.ended
        assert isinstance(ending, ToolsMissingError) and "'host'" in str(ending) and "lookup" in str(ending)

    expected = {"host": OfferedTools("mcp__host__", {"mcp__host__lookup": "lookup"})}
    in_sample([say("never")], body, settings=BridgeSettings(expected_tools=expected))


@each
def test_tools_that_were_not_chosen_of_a_server_are_withheld(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        names = ("mcp__std__add", "mcp__std__drop", "mcp__web__drop", "shell")
        assert (await speaker.send(site, speaker.ask(tools=names), stream=False)).text == "ok"
        (request,) = scripted_requests(site.model)
        assert request.tool_names == ["mcp__std__add", "mcp__web__drop", "shell"]

    expected = {"std": OfferedTools("mcp__std__", {"mcp__std__add": "add"}), "web": OfferedTools("mcp__web__")}
    in_sample([say("ok")], body, settings=BridgeSettings(expected_tools=expected))


@each
def test_conversation_is_the_root_thread(speaker: Speaker) -> None:
    async def body(site: Site) -> None:
        ask = speaker.ask("The task.")
        answer = await speaker.send(site, ask, stream=True)
        await speaker.send(site, speaker.follow_up(ask, answer, ["3"]), stream=True)
        assert [message.role for message in site.state.messages] == ["user", "assistant", "tool", "assistant"]
        assert site.state.output.completion == "three"

    in_sample([turn(call("add", a=1), text="let me add"), say("three")], body)
