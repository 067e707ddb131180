"""What reaches a provider of the client's own API, and what the client gets back."""

from __future__ import annotations

from typing import Any

import httpx
from inspect_ai.agent import AgentState
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ChatMessageUser, GenerateConfig, GenerateInput, Model, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from inspect_swe._bridge.dialects.anthropic import Anthropic

from .providers import Provider, provider
from .support import Site, in_sample

MARK = {"type": "ephemeral"}
NESTED = {
    "type": "object",
    "$defs": {"Ref": {"type": "object", "properties": {"id": {"const": 7}}, "required": ["id"]}},
    "properties": {
        "ref": {"$ref": "#/$defs/Ref"},
        "kind": {"oneOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
        "ids": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    },
}
ANTHROPIC: dict[str, Any] = {
    "model": "claude-sonnet-4-5-20250929",
    "max_tokens": 32000,
    "temperature": 1,
    "thinking": {"type": "enabled", "budget_tokens": 31999},
    "metadata": {"user_id": "u"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
    "tools": [
        {"name": "look", "description": "Look.", "input_schema": NESTED},
        {"name": "run", "description": "Run.", "input_schema": {"type": "object"}, "cache_control": MARK},
    ],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Do it.", "cache_control": MARK}]}],
    "stream": False,
}
RESULT = {
    "role": "user",
    "content": [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "is_error": True,
            "content": [
                {"type": "text", "text": "failed: ✓"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                {"type": "tool_reference", "tool_name": "look"},
            ],
        },
        {"type": "text", "text": "Go on."},
    ],
}
BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,oauth-2025-04-20,files-api-2025-04-14"


def message(number: int, body: dict[str, Any]) -> dict[str, Any] | bytes:
    """Answer as the API does, in events if it must."""
    reply = whole_message(number, body)
    return b"".join(Anthropic().stream(body, reply, False)) if body.get("stream") else reply


def whole_message(number: int, body: dict[str, Any]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": f"Thought {number}.", "signature": f"sig{number}"},
        {"type": "text", "text": f"Text {number}."},
    ]
    if number == 0:
        content.append({"type": "tool_use", "id": "toolu_1", "name": "run", "input": {"b": 1, "a": ["ü"]}})
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": "tool_use" if number == 0 else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_read_input_tokens": 3,
            "cache_creation_input_tokens": 0,
        },
    }


def anthropic(served: Provider, **config: Any) -> Model:
    return get_model(
        "anthropic/claude-sonnet-4-5",
        base_url=served.url,
        api_key="key",
        config=GenerateConfig(**config),
        memoize=False,
    )


def talk(served: Provider, model: Model, **options: Any) -> tuple[list[dict[str, Any]], AgentState, EvalLog]:
    """Hold a conversation of two requests; return the replies, the state and the log."""
    replies: list[dict[str, Any]] = []
    states: list[AgentState] = []

    async def body(site: Site) -> None:
        async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
            request = {**ANTHROPIC, **options.get("request", {})}
            for _ in range(2):
                answer = await client.post("/v1/messages", json=request, headers={"anthropic-beta": BETAS})
                assert answer.status_code == 200, answer.text
                reply = answer.json()
                replies.append(reply)
                said = {"role": "assistant", "content": reply["content"]}
                request = {**request, "messages": [*request["messages"], said, RESULT]}
        states.append(site.state)

    log = in_sample([], body, model=model, **{name: each for name, each in options.items() if name != "request"})
    return replies, states[0], log


def test_anthropic_gets_what_the_client_sent() -> None:
    with provider(message) as served:
        replies, state, log = talk(served, anthropic(served))
    assert len(served.bodies) == 2
    for number, sent in enumerate(served.bodies):
        wanted = {**ANTHROPIC, "model": "claude-sonnet-4-5"}
        if number == 1:
            said = {"role": "assistant", "content": whole_message(0, ANTHROPIC)["content"]}
            wanted["messages"] = [*ANTHROPIC["messages"], said, RESULT]
        assert {name: value for name, value in sent.items() if name != "stream"} == {
            name: value for name, value in wanted.items() if name != "stream"
        }
    assert served.headers[0]["anthropic-beta"] == "claude-code-20250219,interleaved-thinking-2025-05-14"
    for number, reply in enumerate(replies):
        given = whole_message(number, {"model": "claude-sonnet-4-5"})
        assert reply["content"] == given["content"]
        assert {name: reply["usage"][name] for name in given["usage"]} == given["usage"]
    assert [each.role for each in state.messages] == ["system", "user", "assistant", "tool", "user", "assistant"]
    assert log.samples is not None and log.samples[0].error is None


def test_the_events_share_their_messages() -> None:
    with provider(message) as served:
        _, state, log = talk(served, anthropic(served))
    assert log.samples is not None
    events = [event for event in log.samples[0].events if event.event == "model"]
    assert [event.call.request["thinking"] for event in events if event.call] == [ANTHROPIC["thinking"]] * 2
    first, second = events
    assert [each.id for each in second.input][:2] == [each.id for each in first.input]
    assert second.input[2].id == first.output.message.id == state.messages[2].id


def test_what_the_eval_sets_wins() -> None:
    with provider(message) as served:
        _, _, log = talk(served, anthropic(served, max_tokens=40_000, temperature=1.0, top_p=0.5))
    assert served.bodies[0]["max_tokens"] == 40_000
    assert log.samples is not None
    (told,) = [e.data for e in log.samples[0].events if e.event == "info" and e.source == "inspect_swe.parameters"]
    assert isinstance(told, dict)
    assert told["eval"] == {"max_tokens": 40_000, "temperature": 1.0, "top_p": 0.5}
    assert told["cli"] == {"reasoning_tokens": 31999} and "max_tokens" in str(told["ignored"])
    assert served.bodies[0]["thinking"] == ANTHROPIC["thinking"]


def test_another_models_parameters_are_not_the_clients() -> None:
    with provider(message) as served:
        talk(served, anthropic(served), request={"model": "claude-opus-4-5"})
    assert "thinking" not in served.bodies[0] and "context_management" not in served.bodies[0]
    assert served.bodies[0]["tools"] == ANTHROPIC["tools"]
    assert served.bodies[0]["messages"] == ANTHROPIC["messages"]


def test_what_a_filter_changes_is_sent() -> None:
    async def change(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> GenerateInput:
        return GenerateInput([*messages, ChatMessageUser(content="Hurry.")], tools, choice, config)

    with provider(message) as served:
        talk(served, anthropic(served), filter=change)
    assert "Hurry." in str(served.bodies[0]["messages"][-1])


def test_a_filters_own_calls_are_its_own() -> None:
    async def monitor(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> None:
        await model.generate([ChatMessageUser(content="Is this safe?")])

    with provider(message) as served:
        talk(served, anthropic(served), filter=monitor)
    assert len(served.bodies) == 4
    assert [len(body["messages"]) for body in served.bodies] == [1, 1, 1, 3]
    assert "Is this safe?" in str(served.bodies[0]["messages"]) and not served.bodies[0].get("tools")


def test_a_filters_generation_of_the_request_is_exact() -> None:
    async def resample(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> Any:
        return await model.generate(messages, tools, choice, config)

    with provider(message) as served:
        replies, _, _ = talk(served, anthropic(served), filter=resample)
    assert served.bodies[1]["messages"][0] == ANTHROPIC["messages"][0]
    assert served.bodies[0]["tools"] == ANTHROPIC["tools"]
    assert replies[0]["content"] == whole_message(0, ANTHROPIC)["content"]


def test_what_the_eval_says_to_the_model_is_sent() -> None:
    with provider(message) as served:
        talk(served, anthropic(served, system_message="Obey the eval.", stop_seqs=["END"]))
    assert "Obey the eval." in str(served.bodies[0]["system"])
    assert served.bodies[0]["stop_sequences"] == ["END"]
