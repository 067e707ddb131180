"""The comparison: it finds what is planted, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from inspect_swe.conformance._fidelity._cache import PromptCache
from inspect_swe.conformance._fidelity._compare import Comparison, compare
from inspect_swe.conformance._fidelity._files import BOOK_SCHEMA
from inspect_swe.conformance._fidelity._reasons import DELIBERATE
from inspect_swe.conformance._fidelity._record import Exchange, Recording, Speaker


def body() -> dict[str, Any]:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO" * 100}}
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 128_000,
        "thinking": {"type": "adaptive"},
        "system": [{"type": "text", "text": "Be good. " * 800, "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "lend", "description": "Lend.", "input_schema": copy.deepcopy(BOOK_SCHEMA)}],
        "messages": [
            {"role": "user", "content": f"Today is 2026-11-30, in /tmp/.agent-0/0123456789abcdef/home ({uuid4()})."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
                    {"type": "tool_use", "id": "toolu_1", "name": "lend", "input": {"copies": 2, "note": None}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [image, {"type": "text", "text": "é"}]}
                ],
            },
        ],
    }


def exchange(speaker: Speaker = "root", **headers: str) -> Exchange:
    message = {"type": "message", "id": "msg_1", "content": [{"type": "text", "text": "Hi."}], "usage": {}}
    reply = json.dumps(message).encode()
    told = {"anthropic-version": "2023-06-01", "x-api-key": str(uuid4()), **headers}
    return Exchange("POST", "/v1/messages", told, body(), "anthropic", speaker, 200, reply)


def recording() -> Recording:
    calls = [exchange(), exchange("sub-agent"), exchange(), exchange()]
    return Recording(calls, [copy.deepcopy(call) for call in calls], version="1.0")


def compared(change: Callable[[Recording], Any]) -> Comparison:
    direct, through = recording(), recording()
    change(through)
    return compare("claude_code", "m", direct, through)


def test_two_runs_that_differ_in_volatile_values_are_equal() -> None:
    comparison = compared(lambda run: None)
    assert comparison.differences == [] and comparison.ok and comparison.requests == 4


def schema(run: Recording) -> Any:
    return run.provider[2].body["tools"][0]["input_schema"]


def message(run: Recording, number: int) -> Any:
    return run.provider[2].body["messages"][number]["content"]


PLANTED: dict[str, tuple[Callable[[Recording], Any], str]] = {
    "field lost": (lambda run: run.provider[2].body.pop("thinking"), "body.thinking"),
    "number": (lambda run: run.provider[2].body.update(max_tokens=32_000), "body.max_tokens"),
    "field added": (lambda run: run.provider[0].body.update(temperature=1), "body.temperature"),
    "header": (lambda run: run.provider[0].headers.update({"anthropic-beta": "x"}), "headers.anthropic-beta"),  # type: ignore[attr-defined]
    "dated header": (
        lambda run: run.provider[0].headers.update({"anthropic-version": "2024-06-01"}),  # type: ignore[attr-defined]
        "headers.anthropic-version",
    ),
    "text": (
        lambda run: message(run, 2)[0]["content"][1].update(text="\\u00e9"),
        "body.messages[user].content[tool_result].content[text].text",
    ),
    "image lost": (
        lambda run: message(run, 2)[0]["content"].pop(0),
        "body.messages[user].content[tool_result].content[image]",
    ),
    "error lost": (
        lambda run: message(run, 2)[0].update(is_error=True),
        "body.messages[user].content[tool_result].is_error",
    ),
    "null argument": (
        lambda run: message(run, 1)[1]["input"].pop("note"),
        "body.messages[assistant].content[tool_use].input.note",
    ),
    "signature": (
        lambda run: message(run, 1)[0].update(signature=""),
        "body.messages[assistant].content[thinking].signature",
    ),
    "block lost": (lambda run: message(run, 1).pop(0), "body.messages[assistant].content[thinking]"),
    "message lost": (lambda run: run.provider[2].body["messages"].pop(), "body.messages[user]"),
    "reference": (lambda run: schema(run)["properties"].update(book={}), "body.tools[].input_schema.*.$ref"),
    "bound": (lambda run: schema(run)["properties"]["tags"].pop("minItems"), "body.tools[].input_schema.*.minItems"),
    "definitions": (lambda run: schema(run).pop("$defs"), "body.tools[].input_schema.$defs"),
    "tool lost": (lambda run: run.provider[2].body["tools"].clear(), "body.tools"),
    "request lost": (lambda run: run.provider.pop(), "requests[POST /v1/messages]"),
    "request added": (lambda run: run.provider.append(exchange("side")), "requests[POST /v1/messages] (side)"),
    "conversation": (lambda run: setattr(run.provider[1], "speaker", "root"), "requests[POST /v1/messages]"),
    "reply": (
        lambda run: setattr(run.cli[3], "reply", run.cli[3].reply.replace(b"Hi.", b"Hi.<think>")),
        "reply.content[text].text",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_found(name: str) -> None:
    change, path = PLANTED[name]
    comparison = compared(change)
    assert path in {finding.path for finding in comparison.findings}
    assert not comparison.ok


def test_a_difference_tells_both_values_and_where() -> None:
    (found,) = compared(PLANTED["number"][0]).findings
    assert (found.direct, found.eval, found.where, found.times) == ("128000", "32000", "root 2", 1)


def test_spellings_that_the_vendor_treats_alike() -> None:
    def respell(run: Recording) -> None:
        given = run.provider[0].body
        given["tool_choice"] = {"type": "auto"}
        given["system"][0]["citations"] = None
        given["messages"][0]["content"] = [{"type": "text", "text": given["messages"][0]["content"]}]
        given["messages"][2]["content"][0]["is_error"] = False
        given["tools"][0]["input_schema"]["$defs"]["Person"].setdefault("allOf", [{"required": []}])
        del given["tools"][0]["input_schema"]["$defs"]["Person"]["allOf"]

    assert compared(respell).differences == []


def test_it_tells_whether_the_cli_itself_sent_something_else() -> None:
    def change(run: Recording) -> None:
        for call in (run.provider[2], run.cli[2]):
            call.body["temperature"] = 1
        run.provider[2].body["max_tokens"] = 32_000

    told = {finding.path: finding.by_cli for finding in compared(change).findings}
    assert told == {"body.temperature": True, "body.max_tokens": False}


def test_errors_are_no_success() -> None:
    assert not compared(lambda run: setattr(run, "error", "HTTP 400")).ok


def test_deliberate_differences_are_no_findings() -> None:
    comparison = compared(lambda run: run.provider[0].headers.update({"x-claude-code-session-id": "s"}))  # type: ignore[attr-defined]
    assert comparison.ok and [each.reason for each in comparison.differences] != [""]
    assert all(len(each.reason) > 20 for each in DELIBERATE)


def test_a_changed_prefix_reads_less_from_the_cache() -> None:
    def change(run: Recording) -> None:
        run.provider[2].body["system"][0]["text"] += "Changed."

    comparison = compared(change)
    assert comparison.cache_eval < comparison.cache_direct and not comparison.ok


def test_anthropic_reads_only_up_to_a_breakpoint() -> None:
    cache, asked = PromptCache(), body()
    prompt, read, written = cache.ask("anthropic", asked)
    assert read == 0 and 0 < written < prompt
    assert cache.ask("anthropic", asked)[1] == written
    del asked["system"][0]["cache_control"]
    assert cache.ask("anthropic", asked)[1] == 0


@pytest.mark.parametrize(
    ("dialect", "field"), [("responses", "input"), ("completions", "messages"), ("google", "contents")]
)
def test_others_read_the_longest_common_prefix(dialect: str, field: str) -> None:
    cache = PromptCache()
    items = [{"role": "user", "text": "x" * 3000} for _ in range(4)]
    assert cache.ask(dialect, {field: items[:2]})[1] == 0
    prompt, read, _ = cache.ask(dialect, {field: items})
    assert abs(read - prompt / 2) < 5
    assert cache.ask(dialect, {field: [{"role": "system"}, *items]})[1] == 0
