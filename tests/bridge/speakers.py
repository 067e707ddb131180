"""The dialects' official clients behind one interface, for the tests that hold for each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import httpx
import openai
from google import genai
from google.genai import errors as genai_errors
from openai.lib.streaming.chat import ChatCompletionStreamState

from .support import Site

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # a PNG
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@dataclass
class Answer:
    """A reply, as far as it means the same in every dialect."""

    text: str
    finish: str
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    ids: list[str] = field(default_factory=list, compare=False)
    raw: Any = field(default=None, compare=False)


class FailedResponse(Exception):
    """A `response.failed` event, which OpenAI's client hands out like any other."""


class Speaker(Protocol):
    """A dialect's client."""

    name: str
    ping: str
    filtered: str
    stream_error: type[Exception]

    def ask(self, text: str = "hello", image: bool = False, tools: tuple[str, ...] = ("add",)) -> dict[str, Any]: ...

    def follow_up(self, ask: dict[str, Any], answer: Answer, results: list[str]) -> dict[str, Any]: ...

    async def send(self, site: Site, ask: dict[str, Any], stream: bool) -> Answer: ...

    def request(self, ask: Any, stream: bool) -> tuple[str, Any]: ...

    def failure(self, ex: Exception) -> tuple[int, str]: ...


async def post(site: Site, speaker: Speaker, ask: Any, stream: bool = False) -> httpx.Response:
    """A request as it is, without a client's help."""
    path, data = speaker.request(ask, stream)
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(site.url + path, content=content)


def _openai(site: Site) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{site.url}/v1", api_key="x", max_retries=0)


class _OpenAI:
    ping = ": keep-alive"
    path = ""

    def request(self, ask: Any, stream: bool) -> tuple[str, Any]:
        return self.path, {**ask, "stream": stream} if isinstance(ask, dict) else ask

    def failure(self, ex: Exception) -> tuple[int, str]:
        assert isinstance(ex, openai.APIStatusError) and isinstance(ex.body, dict)
        assert set(ex.body) == {"message", "type", "param", "code"}
        return ex.status_code, ex.body["message"]


class ResponsesSpeaker(_OpenAI):
    """OpenAI Responses."""

    name = "responses"
    path = "/v1/responses"
    filtered = "content_filter"
    stream_error: type[Exception] = FailedResponse

    def ask(self, text: str = "hello", image: bool = False, tools: tuple[str, ...] = ("add",)) -> dict[str, Any]:
        picture = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"}
        content = [{"type": "input_text", "text": text}, *([picture] if image else [])]
        return {
            "model": "any-name",
            "input": [{"role": "user", "content": content}],
            "tools": [{"type": "function", "name": t, "description": "Adds.", "parameters": SCHEMA} for t in tools],
        }

    def follow_up(self, ask: dict[str, Any], answer: Answer, results: list[str]) -> dict[str, Any]:
        said = [item.model_dump(exclude_none=True) for item in answer.raw.output]
        outputs = [
            {"type": "function_call_output", "call_id": call, "output": result}
            for call, result in zip(answer.ids, results, strict=True)
        ]
        return {**ask, "input": [*ask["input"], *said, *outputs]}

    async def send(self, site: Site, ask: dict[str, Any], stream: bool) -> Answer:
        response: Any = await _openai(site).responses.create(**ask, stream=stream)
        if stream:
            async for event in response:
                if event.type == "response.failed":
                    raise FailedResponse(event.response.error.message)
            response = event.response
        calls = [item for item in response.output if item.type == "function_call"]
        details = response.incomplete_details
        return Answer(
            text=response.output_text,
            finish=details.reason if details else response.status,
            calls=[(item.name, json.loads(item.arguments)) for item in calls],
            input_tokens=response.usage.input_tokens,
            cached_tokens=response.usage.input_tokens_details.cached_tokens,
            output_tokens=response.usage.output_tokens,
            total_tokens=response.usage.total_tokens,
            ids=[item.call_id for item in calls],
            raw=response,
        )


class CompletionsSpeaker(_OpenAI):
    """OpenAI Chat Completions."""

    name = "completions"
    path = "/v1/chat/completions"
    filtered = "content_filter"
    stream_error: type[Exception] = openai.APIError

    def ask(self, text: str = "hello", image: bool = False, tools: tuple[str, ...] = ("add",)) -> dict[str, Any]:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        content = [{"type": "text", "text": text}, *([picture] if image else [])]
        functions = [{"name": tool, "description": "Adds.", "parameters": SCHEMA} for tool in tools]
        return {
            "model": "any-name",
            "messages": [{"role": "user", "content": content}],
            "tools": [{"type": "function", "function": function} for function in functions],
        }

    def follow_up(self, ask: dict[str, Any], answer: Answer, results: list[str]) -> dict[str, Any]:
        said = answer.raw.choices[0].message.model_dump(include={"role", "content", "tool_calls"})
        outputs = [
            {"role": "tool", "tool_call_id": call, "content": result}
            for call, result in zip(answer.ids, results, strict=True)
        ]
        return {**ask, "messages": [*ask["messages"], said, *outputs]}

    async def send(self, site: Site, ask: dict[str, Any], stream: bool) -> Answer:
        extra: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        completion: Any = await _openai(site).chat.completions.create(**ask, **extra)
        if stream:
            state: Any = ChatCompletionStreamState()
            async for chunk in completion:
                state.handle_chunk(chunk)
            completion = state.current_completion_snapshot
        (choice,) = completion.choices
        calls = choice.message.tool_calls or []
        details = completion.usage.prompt_tokens_details
        return Answer(
            text=choice.message.content or "",
            finish=choice.finish_reason,
            calls=[(call.function.name, json.loads(call.function.arguments)) for call in calls],
            input_tokens=completion.usage.prompt_tokens,
            cached_tokens=details.cached_tokens if details else 0,
            output_tokens=completion.usage.completion_tokens,
            total_tokens=completion.usage.total_tokens,
            ids=[call.id for call in calls],
            raw=completion,
        )


class GoogleSpeaker:
    """Gemini."""

    name = "google"
    ping = "\n\n\n\n"
    filtered = "SAFETY"
    stream_error: type[Exception] = genai_errors.APIError

    def ask(self, text: str = "hello", image: bool = False, tools: tuple[str, ...] = ("add",)) -> dict[str, Any]:
        picture = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
        functions = [{"name": tool, "description": "Adds.", "parameters": SCHEMA} for tool in tools]
        return {
            "contents": [{"role": "user", "parts": [{"text": text}, *([picture] if image else [])]}],
            "tools": [{"functionDeclarations": functions}],
        }

    def follow_up(self, ask: dict[str, Any], answer: Answer, results: list[str]) -> dict[str, Any]:
        said = answer.raw.candidates[0].content.model_dump(mode="json", by_alias=True, exclude_none=True)
        outputs = [
            {"functionResponse": {"name": name, "response": {"result": result}}}
            for (name, _), result in zip(answer.calls, results, strict=True)
        ]
        return {**ask, "contents": [*ask["contents"], said, {"role": "user", "parts": outputs}]}

    async def send(self, site: Site, ask: dict[str, Any], stream: bool) -> Answer:
        models: Any = genai.Client(api_key="x", http_options={"base_url": site.url}).aio.models
        config = {"tools": ask["tools"], "automatic_function_calling": {"disable": True}}
        arguments = {"model": "any-name", "contents": ask["contents"], "config": config}
        if stream:
            chunks = [chunk async for chunk in await models.generate_content_stream(**arguments)]
            (reply,) = [chunk for chunk in chunks if chunk.candidates]
        else:
            reply = await models.generate_content(**arguments)
        (candidate,) = reply.candidates
        parts, usage = candidate.content.parts, reply.usage_metadata
        return Answer(
            text="".join(part.text or "" for part in parts),
            finish=candidate.finish_reason.value,
            calls=[(part.function_call.name, part.function_call.args) for part in parts if part.function_call],
            input_tokens=usage.prompt_token_count,
            cached_tokens=usage.cached_content_token_count or 0,
            output_tokens=usage.candidates_token_count,
            total_tokens=usage.total_token_count,
            raw=reply,
        )

    def request(self, ask: Any, stream: bool) -> tuple[str, Any]:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/any-name:{method}", ask

    def failure(self, ex: Exception) -> tuple[int, str]:
        assert isinstance(ex, genai_errors.APIError) and ex.message is not None
        return ex.code, ex.message


class AnthropicSpeaker:
    """Anthropic Messages."""

    name = "anthropic"
    ping = "event: ping"
    filtered = "refusal"
    stream_error: type[Exception] = anthropic.APIStatusError

    def ask(self, text: str = "hello", image: bool = False, tools: tuple[str, ...] = ("add",)) -> dict[str, Any]:
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
        content = [{"type": "text", "text": text}, *([picture] if image else [])]
        return {
            "model": "any-name",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": content}],
            "tools": [{"name": tool, "description": "Adds.", "input_schema": SCHEMA} for tool in tools],
        }

    def follow_up(self, ask: dict[str, Any], answer: Answer, results: list[str]) -> dict[str, Any]:
        outputs = [
            {"type": "tool_result", "tool_use_id": call, "content": result}
            for call, result in zip(answer.ids, results, strict=True)
        ]
        said = {"role": "assistant", "content": answer.raw["content"]}
        return {**ask, "messages": [*ask["messages"], said, {"role": "user", "content": outputs}]}

    async def send(self, site: Site, ask: dict[str, Any], stream: bool) -> Answer:
        messages = anthropic.AsyncAnthropic(base_url=site.url, api_key="x", max_retries=0).messages
        if stream:
            async with messages.stream(**ask) as events:
                message = await events.get_final_message()
        else:
            message = await messages.create(**ask)
        uses = [block for block in message.content if block.type == "tool_use"]
        usage = message.usage
        cached = usage.cache_read_input_tokens or 0
        read = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
        return Answer(
            text="".join(block.text for block in message.content if block.type == "text"),
            finish=message.stop_reason or "",
            calls=[(block.name, block.input) for block in uses],
            input_tokens=read,
            cached_tokens=cached,
            output_tokens=usage.output_tokens,
            total_tokens=read + usage.output_tokens,
            ids=[block.id for block in uses],
            raw=message.model_dump(mode="json", exclude_none=True),
        )

    def request(self, ask: Any, stream: bool) -> tuple[str, Any]:
        return "/v1/messages?beta=true", {**ask, "stream": stream} if isinstance(ask, dict) else ask

    def failure(self, ex: Exception) -> tuple[int, str]:
        assert isinstance(ex, anthropic.APIStatusError) and isinstance(ex.body, dict)
        assert ex.body["type"] == "error" and set(ex.body["error"]) == {"type", "message"}
        return ex.status_code, ex.body["error"]["message"]


SPEAKERS: list[Speaker] = [ResponsesSpeaker(), CompletionsSpeaker(), GoogleSpeaker(), AnthropicSpeaker()]
