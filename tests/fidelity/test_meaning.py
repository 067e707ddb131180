"""Requests of different vendors, compared by what they tell the model."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from inspect_swe.conformance._fidelity._compare import Comparison, compare
from inspect_swe.conformance._fidelity._files import BOOK_SCHEMA
from inspect_swe.conformance._fidelity._meaning import plain_meaning
from inspect_swe.conformance._fidelity._record import Exchange, Recording

DATA = "iVBOR" * 30

MESSAGES: dict[str, Any] = {
    "system": [{"type": "text", "text": "Be good."}],
    "tools": [{"name": "lend", "description": "Lend.", "input_schema": BOOK_SCHEMA}],
    "messages": [
        {"role": "user", "content": "Go ✓."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "text", "text": "Well."},
                {"type": "tool_use", "id": "1", "name": "lend", "input": {"title": "é"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "1",
                    "content": [{"type": "text", "text": "lent"}, {"type": "image", "source": {"data": DATA}}],
                }
            ],
        },
    ],
}
RESPONSES: dict[str, Any] = {
    "instructions": "Be good.",
    "tools": [{"type": "function", "name": "lend", "description": "Lend.", "parameters": plain_meaning(BOOK_SCHEMA)}],
    "input": [
        {"role": "user", "content": "Go ✓."},
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Well."}]},
        {"type": "function_call", "call_id": "1", "name": "lend", "arguments": '{"title": "é"}'},
        {
            "type": "function_call_output",
            "call_id": "1",
            "output": [
                {"type": "input_text", "text": "lent"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}"},
            ],
        },
    ],
}


def compared(change: Callable[[dict[str, Any]], Any] = lambda body: None, said: str = "Hi.") -> Comparison:
    body = copy.deepcopy(RESPONSES)
    change(body)
    message = {"type": "message", "content": [{"type": "text", "text": said}]}
    cli = Exchange("POST", "/v1/messages", {}, MESSAGES, "anthropic", "root", 200, json.dumps(message).encode())
    direct = Recording([Exchange("POST", "/v1/messages", {}, MESSAGES, "anthropic", "root")], [cli])
    through = Recording([Exchange("POST", "/v1/responses", {}, body, "responses", "root")], [cli])
    return compare("claude_code+openai", "m", direct, through)


def test_the_same_conversation_in_two_formats() -> None:
    assert compared().findings == []


PLANTED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "system": (lambda body: body.update(instructions="Be bad."), "told.system"),
    "text": (lambda body: body["input"][0].update(content="Go."), "told.conversation[user].text"),
    "call": (lambda body: body["input"][3].update(arguments="{}"), "told.conversation[arguments].arguments.title"),
    "result": (lambda body: body["input"][4]["output"][0].update(text="'lent'"), "told.conversation[media].result"),
    "image": (lambda body: body["input"][4]["output"].pop(), "told.conversation[media].media[]"),
    "tool": (lambda body: body["tools"].clear(), "told.tools[]"),
    "mark": (lambda body: body["input"][0].update(content="Go <think>"), "marks"),
    "schema": (
        lambda body: body["tools"][0]["parameters"]["properties"].update(book={}),
        "told.tools[].schema.properties.book.type",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_found(name: str) -> None:
    change, path = PLANTED[name]
    assert path in {finding.path for finding in compared(change).findings}


def test_marks_in_a_reply_are_found() -> None:
    assert {each.path for each in compared(said="Hi.<content-internal>e30=</content-internal>").findings} >= {
        "reply.marks"
    }


def test_schemas_have_one_spelling() -> None:
    plain = plain_meaning(BOOK_SCHEMA)
    assert plain["properties"]["book"]["properties"]["authors"]["items"]["required"] == ["name"]
    assert plain["properties"]["place"]["anyOf"][0]["properties"]["kind"] == {"enum": ["shelf"]}
    assert plain["properties"]["reader"] == {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 80, "pattern": "^[^0-9]+$"}},
        "required": ["name"],
        "description": "Who borrows it.",
    }
    assert "$defs" not in plain and plain_meaning(plain) == plain


def test_a_parameter_may_be_named_title() -> None:
    assert plain_meaning(BOOK_SCHEMA)["properties"]["book"]["properties"]["title"] == {"type": "string"}
