"""Ids over Inspect's own providers: what a server that repeats them, or has none, gets back."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from inspect_ai.event import ToolEvent
from inspect_ai.model import get_model

from .speakers import CompletionsSpeaker, ResponsesSpeaker
from .support import Site, in_sample

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


@contextlib.contextmanager
def server(answers: list[Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve answers, or what functions make of requests, in order on loopback; yields the address and the requests."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "tools" in data or "contents" in data:
                answer = answers[len(asked)]
                body = json.dumps(answer(data) if callable(answer) else answer).encode()
                asked.append(data)
            else:  # Inspect's provider tries out what the server supports.
                body = json.dumps(answers[-1]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{served.server_address[1]}/v1", asked
    finally:
        served.shutdown()
        served.server_close()


def chat(*arguments: str, **id: Any) -> dict[str, Any]:
    calls = [{**id, "type": "function", "function": {"name": "add", "arguments": text}} for text in arguments]
    message = {"role": "assistant", "content": "" if calls else "done", **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


def response(*items: dict[str, Any]) -> dict[str, Any]:
    usage: dict[str, Any] = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    plain = {"object": "response", "created_at": 1, "model": "gpt-5", "parallel_tool_calls": True, "tools": []}
    return {"id": "resp", "tool_choice": "auto", "status": "completed", "output": list(items), "usage": usage, **plain}


def function_call(item: str, call: str, arguments: str) -> dict[str, Any]:
    kind = {"type": "function_call", "status": "completed", "name": "add"}
    return {**kind, "id": item, "call_id": call, "arguments": arguments}


def said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


@pytest.mark.parametrize("id", [{"id": "call_0"}, {"id": ""}], ids=["constant", "empty"])
def test_chat_completions(id: dict[str, Any]) -> None:
    speaker = CompletionsSpeaker()

    async def body(site: Site) -> None:
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=False)
        second = speaker.follow_up(first, answer, ["one", "two"])
        answer = await speaker.send(site, second, stream=False)
        await speaker.send(site, speaker.follow_up(second, answer, ["three"]), stream=False)

    answers = [chat('{"a": 1}', '{"a": 2}', **id), chat('{"a": 3}', **id), chat()]
    with server(answers) as (url, asked):
        model = get_model("openai-api/local/m", base_url=url, api_key="x", memoize=False)
        log = in_sample([], body, model=model)
    told = asked[-1]["messages"]
    calls = [(call["id"], call["function"]["arguments"]) for m in told for call in m.get("tool_calls") or []]
    results = [(m["tool_call_id"], m["content"]) for m in told if m["role"] == "tool"]
    assert [json.loads(text)["a"] for _, text in calls] == [1, 2, 3]
    assert [text for _, text in results] == ["one", "two", "three"]
    assert [call for call, _ in calls] == [call for call, _ in results]
    assert not id["id"] or {call for call, _ in calls} == {"call_0"}
    assert log.samples
    assert [event.result for event in log.samples[0].events if isinstance(event, ToolEvent)] == ["one", "two", "three"]


@pytest.mark.parametrize("repeats", [True, False])
def test_responses(repeats: bool) -> None:
    speaker = ResponsesSpeaker()

    async def body(site: Site) -> None:
        first = speaker.ask()
        answer = await speaker.send(site, first, stream=False)
        second = speaker.follow_up(first, answer, ["one"])
        answer = await speaker.send(site, second, stream=False)
        await speaker.send(site, speaker.follow_up(second, answer, ["two"]), stream=False)

    ids = ["call_0", "call_0"] if repeats else ["call_a", "call_b"]
    answers = [response(function_call(f"fc_{a}", id, f'{{"a": {a}}}')) for a, id in enumerate(ids)]
    with server([*answers, response(said("done"))]) as (url, asked):
        model = get_model("openai/gpt-5", base_url=url, api_key="x", memoize=False, responses_api=True)
        in_sample([], body, model=model)
    items = [item for item in asked[-1]["input"] if item.get("type", "").startswith("function_call")]
    assert [item["call_id"] for item in items] == [ids[0], ids[0], ids[1], ids[1]]
    assert [json.loads(item["arguments"]) for item in items[::2]] == [{"a": 0}, {"a": 1}]
    assert [item["output"] for item in items[1::2]] == ["one", "two"]
    assert [item.get("id") for item in items[::2]] == ["fc_0", "fc_1"]
