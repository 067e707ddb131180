"""OpenAI's Responses API."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from inspect_ai.tool import ToolInfo

from .._record import Prompt
from .._script import MadeCall, tool_info
from ._wire import Reply, event, events, pieces, text_of

_CREATED = 1_790_000_000
_CALLS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "tool_search_call": "tool_search_output",
}


class ResponsesWire:
    """Responses, plain and streamed, with encrypted reasoning."""

    name = "responses"

    def tools(self, body: dict[str, Any]) -> list[ToolInfo]:
        """Return the offered tools, without those that the provider runs."""
        return [
            tool_info(
                tool.get("name") or tool["type"],
                tool.get("description") or "",
                _FREE_TEXT if tool["type"] == "custom" else tool.get("parameters"),
                namespace,
            )
            for namespace, tool in _offered(body)
        ]

    def prompt(self, body: dict[str, Any]) -> Prompt:
        """Return the texts by which a conversation is recognized."""
        items = _items(body)
        ours = [index for index, item in enumerate(items) if _is_of_model(item)]
        opening_items = [item for item in items[: ours[0] if ours else len(items)] if "content" in item]
        users = [item for item in items if item.get("role") == "user"]
        opening = [str(body.get("instructions") or ""), *(text_of(item["content"]) for item in opening_items)]
        outputs = [item.get("output") for item in items if item.get("type") in _CALLS.values()]
        return Prompt("\n".join(opening), text_of(users[-1]["content"]) if users else "", json.dumps(outputs[-1:]))

    def schema(self, body: dict[str, Any]) -> Any:
        """Return the JSON schema of the answer that the request asks for, or None."""
        return ((body.get("text") or {}).get("format") or {}).get("schema")

    def problem(self, body: dict[str, Any]) -> str | None:
        """Check that every call has an output, and that encrypted reasoning is this server's."""
        items = _items(body)
        calls = {item["call_id"] for item in items if item.get("type") in _CALLS}
        outputs = {item["call_id"] for item in items if item.get("type") in _CALLS.values()}
        if calls - outputs:
            return f"No tool output found for function call {sorted(calls - outputs)[0]}."
        if outputs - calls:
            return f"No tool call found for function call output with call_id {sorted(outputs - calls)[0]}."
        for item in items:
            sealed = item.get("encrypted_content") if item.get("type") == "reasoning" else None
            if sealed is not None and not sealed.startswith("gAAAAAB"):
                return "The encrypted content could not be verified."
        return None

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Return whether the request asks for a stream."""
        return bool(body.get("stream"))

    def whole(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """Return a response."""
        usage = {
            "input_tokens": reply.usage.prompt,
            "input_tokens_details": {"cached_tokens": reply.usage.read},
            "output_tokens": reply.usage.output,
            "output_tokens_details": {"reasoning_tokens": 16 if reply.answer.thinking else 0},
            "total_tokens": reply.usage.prompt + reply.usage.output,
        }
        return {**_head(body, reply), "status": "completed", "output": list(_output(body, reply)), "usage": usage}

    def stream(self, body: dict[str, Any], reply: Reply) -> Iterable[bytes]:
        """Yield a response's events."""
        for number, data in enumerate(self._events(body, reply)):
            yield event({**data, "sequence_number": number}, data["type"])

    def _events(self, body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
        begun = {**_head(body, reply), "status": "in_progress", "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        for index, item in enumerate(_output(body, reply)):
            empty = {**item, **_EMPTY[item["type"]]}
            if "status" in item:
                empty["status"] = "in_progress"
            yield {"type": "response.output_item.added", "output_index": index, "item": empty}
            for data in _PARTS[item["type"]](item):
                yield {**data, "output_index": index, "item_id": item["id"]}
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        yield {"type": "response.completed", "response": self.whole(body, reply)}

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}

    def received(self, reply: bytes) -> dict[str, Any]:
        """Return the response of a reply; its output as in the events of the items, which clients read."""
        stream = events(reply)
        final = next((each["response"] for each in stream if each.get("type") == "response.completed"), stream[-1])
        items = [each["item"] for each in stream if each.get("type") == "response.output_item.done"]
        response = {**final, "output": items or final.get("output")}
        # The rest repeats the request, and no client reads it.
        return {key: response.get(key) for key in _READ}


_READ = ("id", "model", "status", "output", "usage", "error", "incomplete_details")
_FREE_TEXT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_EMPTY: dict[str, dict[str, Any]] = {
    "reasoning": {"summary": []},
    "message": {"content": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "tool_search_call": {"arguments": {}},
}


def _offered(body: dict[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield the tools that the client runs, also those that a search found, each with its namespace."""
    declaring = [item for item in _items(body) if item.get("type") in ("additional_tools", "tool_search_output")]
    for tool in [*(body.get("tools") or []), *(tool for item in declaring for tool in item.get("tools") or [])]:
        if tool["type"] == "namespace":
            yield from ((tool["name"], each) for each in tool.get("tools") or [])
        elif tool["type"] in ("function", "custom") or tool.get("execution") == "client":
            yield None, tool


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body.get("input") or []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _is_of_model(item: dict[str, Any]) -> bool:
    return item.get("role") == "assistant" or item.get("type") in (*_CALLS, "reasoning")


def _head(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    return {
        "id": f"resp_{_hash('resp', reply.number)}",
        "object": "response",
        "created_at": _CREATED + reply.number,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": reply.model,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": body.get("reasoning") or {"effort": "medium", "summary": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": 1.0,
        "text": body.get("text") or {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "metadata": {},
    }


def _output(body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    answer, number = reply.answer, reply.number
    if answer.thinking is not None:
        shown = (body.get("reasoning") or {}).get("summary")
        item = {
            "id": f"rs_{_hash('rs', number)}",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": f"**{answer.thinking}**"}] if shown else [],
        }
        if "reasoning.encrypted_content" in (body.get("include") or []):
            item["encrypted_content"] = "gAAAAAB" + base64.b64encode(answer.thinking.encode() * 3).decode()
        yield item
    if answer.text:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
        yield {
            "id": f"msg_{_hash('msg', number)}",
            "type": "message",
            "status": "completed",
            "content": [part],
            "phase": "commentary" if reply.calls else "final_answer",
            "role": "assistant",
        }
    for index, call in enumerate(reply.calls):
        yield _call(body, call, _hash(f"call{index}", number))


def _call(body: dict[str, Any], call: MadeCall, key: str) -> dict[str, Any]:
    namespace, tool = next(
        (space, each) for space, each in _offered(body) if call.name in (each.get("name"), each["type"])
    )
    call_fields = {"status": "completed", "call_id": call.id, "name": call.name}
    if tool["type"] == "tool_search":
        kind = {"id": f"tsc_{key}", "type": "tool_search_call", "status": "completed", "execution": "client"}
        return {**kind, "call_id": call.id, "arguments": call.arguments}
    if tool["type"] == "custom":
        return {"id": f"ctc_{key}", "type": "custom_tool_call", **call_fields, "input": call.arguments["input"]}
    within = {"namespace": namespace} if namespace else {}
    return {"id": f"fc_{key}", "type": "function_call", **call_fields, "arguments": call.json, **within}


def _hash(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:50]


def _reasoning_parts(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(item["summary"]):
        at = {"summary_index": index}
        yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
        for text in pieces(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **at, "delta": text}
        yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def _message_parts(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(item["content"]):
        at = {"content_index": index}
        yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
        for text in pieces(part["text"]):
            yield {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []}
        yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
        yield {"type": "response.content_part.done", **at, "part": part}


def _call_parts(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for text in pieces(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", "delta": text}
    yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}


def _custom_parts(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for text in pieces(item["input"]):
        yield {"type": "response.custom_tool_call_input.delta", "delta": text}
    yield {"type": "response.custom_tool_call_input.done", "input": item["input"]}


_PARTS: dict[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]] = {
    "reasoning": _reasoning_parts,
    "message": _message_parts,
    "function_call": _call_parts,
    "custom_tool_call": _custom_parts,
    "tool_search_call": lambda item: iter(()),
}
