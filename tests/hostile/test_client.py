"""Whoever is in a sandbox may send the bridge anything: it answers, tells nothing of the host, the sample goes on."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.log import read_eval_log
from inspect_ai.tool import Tool, tool

from inspect_swe._bridge.settings import BridgeSettings, OfferedTools
from inspect_swe.testing import say, scripted_requests

from ..bridge.support import Site, in_sample
from .requests import ANTHROPIC, COMPLETIONS, PATHS, RESPONSES, SOUND, anything, encoded, mutated, nested
from .rounds import rounds

SECRET = "sk-planted-secret"
HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@tool
def give() -> Tool:
    async def execute(kind: str) -> str:
        """Gives a text.

        Args:
            kind: Which.
        """
        return f"some {kind}"

    return execute


# The first request offers this tool; of later ones, tools of that server that were not chosen are withheld.
SETTINGS = BridgeSettings(models=("m",), expected_tools={"server": OfferedTools("ad", {"add": "d"})})
TOOLS = [BridgedToolsSpec(name="host", tools=[give()], require_proposal=False)]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


def check_says_nothing(text: str) -> None:
    home, package = str(Path.home()), str(Path(__file__).parents[2])
    for hint in ("Traceback", "site-packages", 'File "', SECRET, package, *([home + "/"] if len(home) > 1 else [])):
        assert hint not in text, text[:2000]


def check_reply(reply: httpx.Response) -> None:
    assert reply.status_code in (200, 202, 400, 404, 405, 406, 413, 415, 429), (reply.status_code, reply.text[:500])
    check_says_nothing(reply.text)


async def check_alive(site: Site) -> None:
    async with httpx.AsyncClient(timeout=30) as http:
        ask = {**ANTHROPIC, "stream": False, "messages": [{"role": "user", "content": "still there?"}]}
        reply = await http.post(f"{site.url}/v1/messages", json=ask)
    assert reply.status_code == 200 and reply.json()["content"]
    assert site.ended == []


def try_requests(requests: st.SearchStrategy[tuple[str, bytes]]) -> None:
    async def body(site: Site) -> None:
        await check_alive(site)
        loop = asyncio.get_running_loop()
        # An exception that leaves the app is raised here.
        transport = httpx.ASGITransport(site.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HEADERS) as http:

            async def send(path: str, content: bytes) -> None:
                check_reply(await asyncio.wait_for(http.post(path, content=content), 20))

            @given(requests)
            def any_request_is_answered(request: tuple[str, bytes]) -> None:
                asyncio.run_coroutine_threadsafe(send(*request), loop).result()

            await asyncio.to_thread(any_request_is_answered)
        await check_alive(site)

    def sample() -> None:
        # Its log can be written and read, whatever the requests were.
        log = in_sample([say("hello")], body, bridged=TOOLS, settings=SETTINGS, timeout=None)
        assert read_eval_log(log.location).status == "success"

    rounds(sample)


def test_sound_requests_are_served() -> None:
    async def body(site: Site) -> None:
        async with httpx.AsyncClient(headers=HEADERS, base_url=site.url, timeout=30) as http:
            for paths, data in SOUND:
                for path in paths:
                    assert (await http.post(path, content=encoded(data))).status_code == 200, path

    in_sample([say("hello")], body, bridged=TOOLS)


def test_requests_with_changes() -> None:
    try_requests(mutated())


def test_any_json_and_any_bytes() -> None:
    try_requests(anything)


def test_any_http() -> None:
    lines = st.one_of(st.sampled_from(PATHS), st.text(max_size=8)).map(lambda path: f"POST {path} HTTP/1.1".encode())
    headers = st.sampled_from(
        [b"Host: x", b"Content-Length: 5", b"Content-Length: -1", b"Transfer-Encoding: chunked", b"Connection: close",
         b"Upgrade: websocket", b"Connection: upgrade", b"Expect: 100-continue", b"X: " + b"x" * 5000, b": ", b""]
    )  # fmt: skip
    bodies = st.one_of(st.binary(max_size=20), st.sampled_from([b"5\r\n{}   \r\n0\r\n\r\n", b"fffffffffffffffff\r\n"]))
    request = st.builds(
        lambda line, head, body: b"\r\n".join([line, *head, b"", body]), lines, st.lists(headers, max_size=6), bodies
    )
    streams = st.lists(st.one_of(request, st.binary(max_size=40)), min_size=1, max_size=12).map(b"".join)

    async def body(site: Site) -> None:
        loop = asyncio.get_running_loop()
        host, port = "127.0.0.1", int(site.url.rpartition(":")[2])

        async def send(stream: bytes) -> None:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(stream)
            writer.write_eof()
            text = await asyncio.wait_for(reader.read(), 20)
            assert b" 500 " not in text
            check_says_nothing(text.decode(errors="replace"))
            writer.close()

        @given(streams)
        def any_stream_ends(stream: bytes) -> None:
            asyncio.run_coroutine_threadsafe(send(stream), loop).result()

        await asyncio.to_thread(any_stream_ends)
        await check_alive(site)

    rounds(lambda: in_sample([say("hello")], body, timeout=None))


@pytest.mark.parametrize("levels", [90, 101, 300])
@pytest.mark.parametrize("log_format", ["json", "eval"])
def test_deep_json_does_not_spoil_the_log(levels: int, log_format: Any) -> None:
    """A log with more than 255 levels could not be written: the whole eval would end."""
    call = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": nested(levels, "a")}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "2"}
    said = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    data = {**ANTHROPIC, "messages": [ANTHROPIC["messages"][0], *said]}

    async def body(site: Site) -> None:
        async with httpx.AsyncClient() as http:
            reply = await http.post(f"{site.url}/v1/messages", content=encoded(data))
        assert reply.status_code == (200 if levels == 90 else 400)
        await check_alive(site)

    log = in_sample([say("hello")], body, log_format=log_format)
    assert read_eval_log(log.location).status == "success"


@pytest.mark.parametrize("text", [b'"\xed\xa0\xbd"', json.dumps("\ud83d").encode("utf-16")], ids=["raw", "utf-16"])
def test_half_characters_in_other_guises(text: bytes) -> None:
    """JSON's own decoder takes them; they could not be written to the log."""

    async def body(site: Site) -> None:
        marked = encoded({**ANTHROPIC, "messages": [{"role": "user", "content": "HERE"}]})
        content = marked.replace(b'"HERE"', text)
        if text.startswith(b"\xff\xfe"):
            content = marked.replace(b"HERE", b"\\ud83d").decode().encode("utf-16")
        async with httpx.AsyncClient() as http:
            assert (await http.post(f"{site.url}/v1/messages", content=content)).status_code == 400
        await check_alive(site)

    in_sample([say("hello")], body)


def media(reference: str) -> list[tuple[str, dict[str, Any]]]:
    """Requests with an image or a document that is to be found elsewhere."""

    def said(*parts: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"role": "user", "content": list(parts)}]

    source = {"type": "url", "url": reference}
    image = {**ANTHROPIC, "messages": said({"type": "image", "source": source})}
    drawn = {"type": "input_image", "detail": "auto", "image_url": reference}
    written = {"type": "input_file", "filename": "notes.txt", "file_data": reference}
    return [
        ("/v1/messages", image),
        ("/v1/messages/count_tokens", image),
        ("/v1/messages", {**ANTHROPIC, "messages": said({"type": "document", "source": source})}),
        ("/v1/responses", {**RESPONSES, "input": said(drawn)}),
        ("/v1/responses", {**RESPONSES, "input": said(written)}),
        ("/v1/chat/completions", {**COMPLETIONS, "messages": said({"type": "image_url", "image_url": source})}),
    ]


def test_media_that_the_host_would_have_to_fetch_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(SECRET)

    async def body(site: Site) -> None:
        async with httpx.AsyncClient(base_url=site.url) as http:
            for reference in (str(file), file.as_uri(), "http://127.0.0.1:9/notes.txt"):
                for path, data in media(reference):
                    reply = await http.post(path, content=encoded(data))
                    assert reply.status_code == 400, (path, reply.text)
                    check_says_nothing(reply.text)
        assert scripted_requests(site.model) == []

    in_sample([], body)


def test_secrets_are_planted() -> None:
    assert os.environ["OPENAI_API_KEY"] == SECRET
    with pytest.raises(AssertionError):
        check_says_nothing(f"the key is {SECRET}")
