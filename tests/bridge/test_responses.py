"""OpenAI Responses: its events, and what Codex makes of its tools."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolCall
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from inspect_swe._bridge import replies
from inspect_swe._bridge.dialects.responses import Responses
from inspect_swe._bridge.settings import BridgeSettings, OfferedTools
from inspect_swe.testing import call, fail, say, scripted_requests, turn, wait

from .speakers import SCHEMA, ResponsesSpeaker, post
from .support import Site, in_sample

SPEAKER = ResponsesSpeaker()
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
REPLY: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 5.0,
    "model": "m",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "incomplete_details": None,
    "usage": None,
}


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream, each checked against OpenAI's own types."""
    found: list[dict[str, Any]] = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            name, data = block.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
            EVENTS.validate_python(found[-1], strict=True)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def played(*output: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    stream = Responses().stream({"model": "m", "input": "x"}, {**REPLY, "output": list(output), **more}, opened=False)
    return events(b"".join(stream).decode())


def test_events_of_text_and_calls() -> None:
    async def body(site: Site) -> None:
        found = events((await post(site, SPEAKER, SPEAKER.ask(), stream=True)).text)
        text = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
        arguments = ["function_call_arguments.delta", "function_call_arguments.done"]
        assert kinds(found) == [
            *["created", "in_progress"],
            *["output_item.added", *text, "output_item.done"],
            *["output_item.added", *arguments, "output_item.done"] * 2,
            "completed",
        ]
        added = [event["item"] for event in found if event["type"] == "response.output_item.added"]
        done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
        assert [item["status"] for item in added] == ["in_progress"] * 3
        assert added[0]["content"] == [] and added[1]["arguments"] == ""
        assert found[-1]["response"]["output"] == done
        assert found[0]["response"]["output"] == [] and found[0]["response"]["status"] == "in_progress"
        assert len({event["response"]["id"] for event in found if "response" in event}) == 1

    in_sample([turn(call("add", a=1), call("add", a=2), text="working")], body)


def test_reasoning_searches_and_custom_calls() -> None:
    reasoning = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "thought"}],
        "content": [{"type": "reasoning_text", "text": "long thought"}],
        "encrypted_content": "gAAA",
        "status": None,
    }
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "q", "queries": ["q"]},
    }
    custom = {"id": "ct_1", "type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"}
    refusal = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "refusal", "refusal": "no"}],
    }
    found = played(reasoning, search, custom, refusal, incomplete_details={"reason": "content_filter"})
    assert kinds(found) == [
        *["created", "in_progress", "output_item.added"],
        *["reasoning_summary_part.added", "reasoning_summary_text.delta"],
        *["reasoning_summary_text.done", "reasoning_summary_part.done"],
        *["content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done"],
        *["output_item.done", "output_item.added"],
        *["web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed"],
        *["output_item.done", "output_item.added"],
        *["custom_tool_call_input.delta", "custom_tool_call_input.done"],
        *["output_item.done", "output_item.added"],
        *["content_part.added", "refusal.delta", "refusal.done", "content_part.done"],
        *["output_item.done", "incomplete"],
    ]
    last = found[-1]["response"]
    assert last["status"] == "incomplete" and last["incomplete_details"] == {"reason": "content_filter"}
    assert last["output"][0]["encrypted_content"] == "gAAA" and last["output"][1] == search
    assert last["created_at"] == 5


def test_usage_counts_cached_tokens_once() -> None:
    details = {"input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2}}
    for told, total in ((7, 14), (12, 14)):  # as Inspect tells it, and as OpenAI does
        usage = {"input_tokens": told, "output_tokens": 2, "total_tokens": total, **details}
        assert Responses().plain({**REPLY, "usage": usage})["usage"]["input_tokens"] == 12


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid_prompt"), (401, "invalid_prompt"), (429, "rate_limit_exceeded"), (529, "server_error")],
)
def test_a_slow_stream_keeps_its_id(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE", 0.05)

    async def body(site: Site) -> None:
        found = events((await post(site, SPEAKER, SPEAKER.ask(), stream=True)).text)
        assert kinds(found)[:3] == ["created", "in_progress", "output_item.added"]
        assert kinds(found)[-1] == "completed"
        (identity,) = {event["response"]["id"] for event in found if "response" in event}
        assert identity.startswith("resp_")
        found = events((await post(site, SPEAKER, SPEAKER.ask("again"), stream=True)).text)
        assert kinds(found) == ["created", "in_progress", "failed"]
        failed = found[-1]["response"]
        assert failed["status"] == "failed" and failed["error"] == {"code": code, "message": "too much"}
        assert failed["id"] == found[0]["response"]["id"]

    in_sample([wait(0.2, say("late")), wait(0.2, fail(status, "too much"))], body)


def test_custom_tool() -> None:
    patch = ToolCall(id="c1", function="apply_patch", arguments={"input": "*** Begin Patch"}, type="custom")
    message = ChatMessageAssistant(content="", tool_calls=[patch])
    usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    outputs = [
        ModelOutput(model="m", choices=[ChatCompletionChoice(message=message, stop_reason="tool_calls")], usage=usage),
        ModelOutput(model="m", choices=[ChatCompletionChoice(message=ChatMessageAssistant(content="ok"))], usage=usage),
    ]

    async def body(site: Site) -> None:
        ask = SPEAKER.ask()
        ask["tools"].append({"type": "custom", "name": "apply_patch", "description": "Patches."})
        answer = await SPEAKER.send(site, ask, stream=True)
        (item,) = [item for item in answer.raw.output if item.type == "custom_tool_call"]
        assert (item.call_id, item.name, item.input) == ("c1", "apply_patch", "*** Begin Patch")
        result = {"type": "custom_tool_call_output", "call_id": "c1", "output": "patched"}
        said = item.model_dump(exclude_none=True)
        assert (await SPEAKER.send(site, {**ask, "input": [*ask["input"], said, result]}, stream=True)).text == "ok"
        _, called, answered, _ = site.state.messages
        assert called.role == "assistant" and called.tool_calls and called.tool_calls[0].id == "c1"
        assert answered.role == "tool" and answered.tool_call_id == "c1" and answered.text == "patched"

    in_sample([], body, model=get_model("mockllm/m", custom_outputs=outputs))


@pytest.mark.parametrize("stream", [False, True])
def test_custom_tool_called_like_a_function(stream: bool) -> None:
    async def body(site: Site) -> None:
        run = {"type": "custom", "name": "exec", "description": "Runs.", "format": {"type": "text"}}
        group = {"type": "namespace", "name": "functions", "description": "", "tools": [run]}
        ask = {**SPEAKER.ask(), "tools": [group]}
        (item,) = (await SPEAKER.send(site, ask, stream=stream)).raw.output
        assert (item.type, item.name, item.namespace) == ("custom_tool_call", "exec", "functions")
        assert item.input == 'text("hi")'

    in_sample([call("exec", input='text("hi")')], body)


def namespaces() -> list[dict[str, Any]]:
    function = {"type": "function", "description": "Does.", "parameters": SCHEMA, "strict": False}
    return [
        {
            "type": "namespace",
            "name": f"mcp__{server}",
            "description": "d",
            "tools": [{**function, "name": n} for n in names],
        }
        for server, names in (("std", ["add", "drop"]), ("gone", ["wipe"]))
    ]


EXPECTED = {
    "std": OfferedTools("mcp__std__", {"mcp__std__add": "add"}),
    "gone": OfferedTools("mcp__gone__", {"mcp__gone__wipe": "wipe"}),
}


@pytest.mark.parametrize("declared_in_input", [False, True])
def test_tools_in_namespaces(declared_in_input: bool) -> None:
    async def body(site: Site) -> None:
        ask = SPEAKER.ask(tools=("shell",))
        if declared_in_input:
            ask["input"].insert(0, {"type": "additional_tools", "role": "developer", "tools": namespaces()})
        else:
            ask["tools"] += namespaces()
        reply = await post(site, SPEAKER, ask)
        assert reply.status_code == 200
        (called,) = [item for item in reply.json()["output"] if item["type"] == "function_call"]
        assert called["name"] == "add" and called["namespace"] == "mcp__std"
        (request,) = scripted_requests(site.model)
        assert request.tool_names == ["shell", "mcp__std__add", "mcp__gone__wipe"]
        assert not site.ended

    in_sample([call("add", a=1)], body, settings=BridgeSettings(expected_tools=EXPECTED))


def test_equal_tools_of_two_servers() -> None:
    function = {"type": "function", "name": "read", "description": "Reads.", "parameters": SCHEMA, "strict": False}
    servers = ["mcp__old", "mcp__new", f"mcp__{'long' * 20}"]
    groups = [{"type": "namespace", "name": name, "description": "d", "tools": [function]} for name in servers]

    async def body(site: Site) -> None:
        ask = {**SPEAKER.ask(), "tools": groups}
        for server in ("mcp__new", servers[-1]):
            reply = (await post(site, SPEAKER, ask)).json()
            (called,) = [item for item in reply["output"] if item["type"] == "function_call"]
            assert (called["namespace"], called["name"]) == (server, "read")
            result = {"type": "function_call_output", "call_id": called["call_id"], "output": "done"}
            ask = {**ask, "input": [*ask["input"], *reply["output"], result]}
        strange = {**called, "id": "fc_9", "call_id": "call_9", "namespace": "mcp__old"}
        ask = {**ask, "input": [*ask["input"], strange, {**result, "call_id": "call_9"}]}
        assert (await SPEAKER.send(site, ask, stream=False)).text == "ok"
        request = scripted_requests(site.model)[-1]
        old, new, long = request.tool_names
        assert (old, new, len(long)) == ("mcp__old__read", "mcp__new__read", 64)
        functions = [
            made.function for message in site.state.messages for made in getattr(message, "tool_calls", None) or []
        ]
        assert functions == [new, long, old]

    in_sample([call("mcp__new__read", a=1), call(long_name(servers[-1]), a=1), say("ok")], body)


def long_name(server: str) -> str:
    whole = f"{server}__read"
    return f"{whole[:51]}_{hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def test_names_and_withholding_of_grouped_tools() -> None:
    dialect = Responses()
    request: dict[str, Any] = {"input": "x", "tools": [*namespaces(), {"type": "web_search"}, 7]}
    assert dialect.tool_names(request) == {"mcp__std__add", "mcp__std__drop", "mcp__gone__wipe"}
    dialect.without_tools(request, lambda name: name in ("mcp__std__drop", "mcp__gone__wipe"))
    assert dialect.tool_names(request) == {"mcp__std__add"}
    assert [tool if tool == 7 else tool["type"] for tool in request["tools"]] == ["namespace", "web_search", 7]


def test_functions_without_description_or_parameters() -> None:
    async def body(site: Site) -> None:
        ask = {**SPEAKER.ask(), "tools": [{"type": "function", "name": "bare"}]}
        assert (await SPEAKER.send(site, ask, stream=False)).calls == [("bare", {})]

    in_sample([call("bare")], body)


def test_web_search_is_withheld() -> None:
    async def body(site: Site) -> None:
        ask = SPEAKER.ask()
        ask["tools"].append({"type": "web_search"})
        await SPEAKER.send(site, ask, stream=True)
        assert scripted_requests(site.model)[0].tool_names == ["add"]

    in_sample([say("ok")], body)


def test_a_failure_at_once_is_an_error_status() -> None:
    async def body(site: Site) -> None:
        reply = await post(site, SPEAKER, SPEAKER.ask(), stream=True)
        assert reply.status_code == 429
        error = {"message": "slow down", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
        assert reply.json() == {"error": error}

    in_sample([fail(429, "slow down")], body)
