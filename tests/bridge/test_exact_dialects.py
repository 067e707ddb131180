"""Requests and replies of the other dialects, over providers of the same API."""

from __future__ import annotations

from typing import Any

import httpx
from inspect_ai.agent import AgentState
from inspect_ai.model import Model, get_model

from .providers import Answer, provider
from .support import Site, in_sample
from .test_exact import NESTED

EFFORT = {"effort": "high", "summary": "auto"}


def hold(
    answer: Answer, model: Any, path: str, first: dict[str, Any], follow: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], AgentState]:
    """Send two requests; return what the provider received, what the client received, and the state."""
    replies: list[dict[str, Any]] = []
    states: list[AgentState] = []

    async def body(site: Site) -> None:
        async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
            request = first
            for _ in range(2):
                got = await client.post(path, json=request)
                assert got.status_code == 200, got.text
                replies.append(got.json())
                request = follow(request, replies[-1])
        states.append(site.state)

    with provider(answer) as served:
        in_sample([], body, model=model(served.url))
    return served.bodies, replies, states[0]


CHAT: dict[str, Any] = {
    "model": "local-model",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Do it."}],
    "tools": [{"type": "function", "function": {"name": "look", "description": "Look.", "parameters": NESTED}}],
    "tool_choice": "auto",
    "temperature": 0.3,
    "max_tokens": 2000,
    "reasoning_effort": "high",
    "prompt_cache_key": "abc",
}


def completion(number: int, body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "reasoning_content": f"Thought {number}."}
    if number == 0:
        function = {"name": "look", "arguments": '{"ids": [1],  "kind": "\\u00fc"}'}
        message["tool_calls"] = [{"id": "call_a", "type": "function", "function": function}]
    else:
        message["content"] = "Done."
    choice = {"index": 0, "message": message, "finish_reason": "stop" if number else "tool_calls"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def test_chat_completions() -> None:
    def model(url: str) -> Model:
        return get_model("openai-api/local/local-model", base_url=f"{url}/v1", api_key="key", memoize=False)

    def follow(request: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        said = reply["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": "call_a", "content": "failed: ✓"}
        return {**request, "messages": [*request["messages"], said, result]}

    sent, replies, state = hold(completion, model, "/v1/chat/completions", CHAT, follow)
    assert sent[0] == CHAT
    said = {name: each for name, each in completion(0, CHAT)["choices"][0]["message"].items()}
    assert replies[0]["choices"][0]["message"] == said
    assert sent[1]["messages"][:3] == [*CHAT["messages"], said]
    assert sent[1] == {**CHAT, "messages": sent[1]["messages"]}
    assert "think" not in str(replies)
    assert [each.role for each in state.messages] == ["system", "user", "assistant", "tool", "assistant"]


def test_emulated_tools_stay_emulated() -> None:
    def model(url: str) -> Model:
        options: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": "key", "emulate_tools": True}
        return get_model("openai-api/local/local-model", memoize=False, **options)

    def answer(number: int, body: dict[str, Any]) -> dict[str, Any]:
        return completion(1, body)

    sent, _, _ = hold(answer, model, "/v1/chat/completions", CHAT, lambda request, reply: request)
    assert "tools" not in sent[0] and "look" in str(sent[0]["messages"])


RESPONSES: dict[str, Any] = {
    "model": "gpt-5",
    "instructions": "Be brief.",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do it."}]}],
    "tools": [
        {"type": "function", "name": "look", "description": "Look.", "parameters": NESTED, "strict": False},
        {"type": "web_search", "external_web_access": True, "search_context_size": "high"},
        {"type": "custom", "name": "patch", "description": "Patch.", "format": {"type": "text"}},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": EFFORT,
    "text": {"verbosity": "low"},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "abc",
    "store": False,
}


def reasoned(number: int, body: dict[str, Any]) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": f"Thought {number}."}]
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "encrypted_content": f"secret{number}"}
    ]
    if number == 0:
        call = {"type": "function_call", "id": "fc_0", "call_id": "call_a", "name": "look", "status": "completed"}
        items.append({**call, "arguments": '{"ids": [1],  "kind": "\\u00fc"}'})
    else:
        text = {"type": "output_text", "text": "Done.", "annotations": []}
        said = {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": [text]}
        items.append({**said, "phase": "final_answer"})
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": body["model"],
        "output": items,
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def test_responses() -> None:
    def model(url: str) -> Model:
        return get_model("openai/gpt-5", base_url=f"{url}/v1", api_key="key", responses_api=True, memoize=False)

    def follow(request: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        result = {"type": "function_call_output", "call_id": "call_a", "output": "failed: ✓"}
        return {**request, "input": [*request["input"], *reply["output"], result]}

    sent, replies, state = hold(reasoned, model, "/v1/responses", RESPONSES, follow)
    assert {name: each for name, each in sent[0].items() if name != "stream"} == {
        **RESPONSES,
        "tools": [tool for tool in RESPONSES["tools"] if tool["type"] != "web_search"],
    }
    for number, reply in enumerate(replies):
        given = reasoned(number, RESPONSES)
        assert without_nulls(reply["output"]) == given["output"]
        assert reply["usage"]["input_tokens"] == 10
    assert sent[1]["input"][1:3] == replies[0]["output"]
    assert "<think" not in str(replies) and "content-internal" not in str(replies)
    assert [each.role for each in state.messages] == ["system", "user", "assistant", "tool", "assistant"]


def without_nulls(value: Any) -> Any:
    """Return JSON without the nulls that the provider's SDK adds."""
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(each) for name, each in value.items() if each is not None}


GEMINI: dict[str, Any] = {
    "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
    "contents": [{"role": "user", "parts": [{"text": "Do it."}]}],
    "tools": [{"functionDeclarations": [{"name": "look", "description": "Look.", "parametersJsonSchema": NESTED}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    "generationConfig": {
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
    },
}
RESULTS = {
    "role": "user",
    "parts": [
        {"functionResponse": {"name": "look", "response": {"output": "line ✓"}}},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
    ],
}


def candidate(number: int, body: dict[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": f"Thought {number}.", "thought": True}]
    if number == 0:
        parts.append({"functionCall": {"name": "look", "args": {"ids": [1]}}, "thoughtSignature": "c2ln"})
    else:
        parts.append({"text": "Done."})
    whole = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15, "thoughtsTokenCount": 2}
    return {"candidates": [whole], "usageMetadata": counts, "modelVersion": "gemini-2.5-pro", "responseId": "r"}


def test_gemini() -> None:
    def model(url: str) -> Model:
        return get_model("google/gemini-2.5-pro", base_url=url, api_key="key", memoize=False)

    def follow(request: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        said = reply["candidates"][0]["content"]
        id = next(part["functionCall"]["id"] for part in said["parts"] if "functionCall" in part)
        result, *others = RESULTS["parts"]
        answered = {"functionResponse": {**result["functionResponse"], "id": id}}  # type: ignore[index]
        content = {"role": "user", "parts": [answered, *others]}
        return {**request, "contents": [*request["contents"], said, content]}

    path = "/v1beta/models/gemini-2.5-pro:generateContent"

    def talk() -> tuple[list[dict[str, Any]], list[dict[str, Any]], AgentState]:
        stop = False

        def once(request: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
            nonlocal stop
            if stop:
                return request
            stop = True
            return follow(request, reply)

        return hold(candidate, model, path, GEMINI, once)

    sent, replies, state = talk()
    assert sent[0] == GEMINI
    assert sent[1] == {
        **GEMINI,
        "contents": [*GEMINI["contents"], candidate(0, {})["candidates"][0]["content"], RESULTS],
    }
    parts = replies[0]["candidates"][0]["content"]["parts"]
    assert parts[0] == {"text": "Thought 0.", "thought": True}
    assert parts[1]["thoughtSignature"] == "c2ln" and parts[1]["functionCall"]["args"] == {"ids": [1]}
    assert replies[1]["usageMetadata"] == candidate(1, {})["usageMetadata"]
    assert "<think" not in str(replies)
    assert [each.role for each in state.messages] == ["system", "user", "assistant", "tool", "user", "assistant"]
    assert state.messages[3].text == "line ✓"
