"""The fake provider, as the vendors' own SDKs read it."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from inspect_swe.conformance._fidelity._play import Play
from inspect_swe.conformance._fidelity._providers import WIRES, FakeProvider
from inspect_swe.conformance._fidelity._script import Answer
from inspect_swe.conformance._fidelity._tap import listening
from inspect_swe.testing import shell

pytestmark = pytest.mark.anyio

ANSWER = Answer("I look ✓.", (shell("echo 'é'"), shell("true")), thinking="Think — 先.", redacted=True)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
COMMANDS = [{"command": "echo 'é'"}, {"command": "true"}]


@contextlib.asynccontextmanager
async def provider(*answers: Answer) -> AsyncIterator[tuple[FakeProvider, str]]:
    fake = FakeProvider(Play(answers or (ANSWER,)))
    with socket.create_server(("127.0.0.1", 0)) as port:
        async with listening(fake.app, port):
            yield fake, f"http://127.0.0.1:{port.getsockname()[1]}"


def claude(url: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)


def gpt(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


ASKED_OF_CLAUDE: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 4000,
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "messages": [{"role": "user", "content": "Go."}],
    "tools": [{"name": "bash", "description": "A shell.", "input_schema": SCHEMA}],
}


@pytest.mark.parametrize("streams", [True, False])
async def test_messages(streams: bool) -> None:
    async with provider() as (fake, url), claude(url) as client:
        if streams:
            async with client.messages.stream(**ASKED_OF_CLAUDE) as stream:
                message = await stream.get_final_message()
        else:
            message = await client.messages.create(**ASKED_OF_CLAUDE)
        assert [block.type for block in message.content] == [
            "thinking",
            "redacted_thinking",
            "text",
            "tool_use",
            "tool_use",
        ]
        assert [block.input for block in message.content if block.type == "tool_use"] == COMMANDS
        assert (message.stop_reason, message.usage.cache_creation_input_tokens) == ("tool_use", 12_000)
        (exchange,) = fake.exchanges
        received = WIRES["anthropic"].received(exchange.reply)
        assert received["content"] == [
            block.model_dump(exclude_none=True, exclude={"caller"}) for block in message.content
        ]
        assert (exchange.dialect, exchange.speaker, exchange.status) == ("anthropic", "root", 200)


async def test_messages_are_checked_as_the_vendor_does() -> None:
    async with provider() as (fake, url), claude(url) as client:
        first = await client.messages.create(**ASKED_OF_CLAUDE)
        said = [block.model_dump(exclude_none=True, exclude={"caller"}) for block in first.content]
        calls = [block["id"] for block in said if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call, "content": "ok"} for call in calls]

        async def ask(said: list[Any], results: list[Any]) -> Any:
            more = [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
            messages = [*ASKED_OF_CLAUDE["messages"], *more]
            return await client.messages.create(**{**ASKED_OF_CLAUDE, "messages": messages})

        assert (await ask(said, results)).stop_reason == "end_turn"
        with pytest.raises(anthropic.BadRequestError, match="without `tool_result`"):
            await ask(said, results[:1])
        with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
            await ask([{**said[0], "thinking": "Changed."}, *said[1:]], results)
        assert len(fake.errors) == 2


ASKED_OF_GPT: dict[str, Any] = {
    "model": "gpt-5.5",
    "input": [{"role": "user", "content": "Go."}],
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "tools": [{"type": "function", "name": "shell", "description": "", "parameters": SCHEMA, "strict": False}],
}


@pytest.mark.parametrize("streams", [True, False])
async def test_responses(streams: bool) -> None:
    async with provider() as (fake, url), gpt(url) as client:
        if streams:
            async with client.responses.stream(**ASKED_OF_GPT) as stream:
                response: Any = await stream.get_final_response()
        else:
            response = await client.responses.create(**ASKED_OF_GPT)
        assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
        assert response.output[0].encrypted_content and response.output[0].summary[0].text == "**Think — 先.**"
        assert response.output[1].phase == "commentary"
        assert [json.loads(item.arguments) for item in response.output[2:]] == COMMANDS
        received = WIRES["responses"].received(fake.exchanges[0].reply)
        assert [item["id"] for item in received["output"]] == [item.id for item in response.output]


async def test_responses_are_checked_as_the_vendor_does() -> None:
    async with provider() as (_, url), gpt(url) as client:
        call = {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": "{}"}
        with pytest.raises(openai.BadRequestError, match="No tool output found for function call c1"):
            await client.responses.create(**{**ASKED_OF_GPT, "input": [*ASKED_OF_GPT["input"], call]})


ASKED_OF_CHAT: dict[str, Any] = {
    "model": "some-model",
    "messages": [{"role": "user", "content": "Go."}],
    "tools": [{"type": "function", "function": {"name": "bash", "description": "", "parameters": SCHEMA}}],
}


async def test_completions() -> None:
    async with provider(ANSWER, ANSWER) as (fake, url), gpt(url) as client:
        plain = await client.chat.completions.create(**ASKED_OF_CHAT)
        message = plain.choices[0].message
        assert message.tool_calls and message.model_dump()["reasoning_content"] == ANSWER.thinking
        options: Any = {"stream": True, "stream_options": {"include_usage": True}}
        stream = await client.chat.completions.create(**{**ASKED_OF_CHAT, **options})
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].usage and chunks[-1].usage.prompt_tokens_details
        received = [WIRES["completions"].received(exchange.reply) for exchange in fake.exchanges]
        for each in received:
            assert each["finish_reason"] == "tool_calls"
            assert [json.loads(call["function"]["arguments"]) for call in each["message"]["tool_calls"]] == COMMANDS
            assert each["message"]["content"] == ANSWER.text


@pytest.mark.parametrize("streams", [True, False])
async def test_gemini(streams: bool) -> None:
    async with provider() as (fake, url):
        options = types.HttpOptions(base_url=url)
        declared = types.FunctionDeclaration(name="run_command", description="", parameters_json_schema=SCHEMA)
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[declared])],
            thinking_config=types.ThinkingConfig(include_thoughts=True),
        )
        models = genai.Client(api_key="k", http_options=options).aio.models
        asked: dict[str, Any] = {"model": "gemini-3.1-pro-preview", "contents": "Go.", "config": config}
        if streams:
            chunks = [chunk async for chunk in await models.generate_content_stream(**asked)]
        else:
            chunks = [await models.generate_content(**asked)]
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]  # type: ignore[index,union-attr]
        assert "".join(part.text or "" for part in parts if part.thought) == "**Think — 先.**"
        calls = [part for part in parts if part.function_call]
        assert [call.function_call.args for call in calls] == COMMANDS  # type: ignore[union-attr]
        assert calls[0].thought_signature and not calls[1].thought_signature
        received = WIRES["google"].received(fake.exchanges[0].reply)
        assert [next(iter(part)) for part in received["parts"]] == ["text", "text", "functionCall", "functionCall"]


def test_gemini_wants_each_call_answered_by_the_next_content() -> None:
    call = {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "CiQBFake"}
    result = {"functionResponse": {"id": "1", "name": "f", "response": {}}}
    image = {"inlineData": {"mimeType": "image/png", "data": ""}}
    question, answer = {"role": "user", "parts": [{"text": "Go."}]}, {"role": "model", "parts": [call]}

    def problem(*contents: dict[str, Any]) -> str | None:
        return WIRES["google"].problem({"model": "gemini-3.1-pro-preview", "contents": [question, answer, *contents]})

    assert problem({"role": "user", "parts": [result, image]}) is None
    assert "number of function response parts" in str(
        problem({"role": "user", "parts": [image]}, {"role": "user", "parts": [result]})
    )
    del call["thoughtSignature"]
    assert "missing a thought_signature" in str(problem({"role": "user", "parts": [result]}))


def test_sub_agents_compactions_and_side_requests_are_told_apart() -> None:
    play = Play([Answer(full=True), Answer("last")], [Answer("counted")])
    wire, tools = WIRES["anthropic"], [{"name": "bash", "input_schema": SCHEMA}]

    def speaker(text: str, *, tools: list[Any] = tools) -> str:
        body = {"messages": [{"role": "user", "content": text}], "tools": tools}
        return play.speaker(wire.prompt(body), wire.tools(body))

    assert speaker("Go.") == "root"
    assert speaker("Count the lines of notes.txt, and say how many there are.") == "sub-agent"
    assert speaker("Make a title.", tools=[]) == "side"
    assert speaker("Summarize the conversation.") == "root"
    play.answer("root")
    assert speaker("Summarize the conversation.") == "compaction"
    assert play.answer("compaction").text.startswith("<summary>")
    assert (play.answer("root").text, play.answer("sub-agent").text) == ("last", "counted")
