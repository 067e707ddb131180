"""OpenAI's Responses API."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

from ..._inspect.requests import DialectName
from ._shared import OpenAI, event, freeform_names, problem

# Items whose content is one string, with the string's key and the name of its events.
_STRINGS = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
}
# Items that the provider executes itself, with the states that it reports.
_STAGES = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
}
_RETRIED = (408, 409)


class Responses(OpenAI):
    """Dialect of the Responses API (`POST /v1/responses`), for one request, whose events are numbered."""

    name: DialectName = "responses"

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._begun: dict[str, Any] = {}
        self._freeform: set[str] = set()

    def check(self, request: dict[str, Any]) -> str | None:
        """Return the problem with a request, or None."""
        reason = problem(request, model=(str,), input=(str, list))
        if reason is None:
            self._freeform = {name for tools in self._tool_lists(request) for name in freeform_names(tools)}
        return reason

    def error_event(self, status: int, message: str) -> bytes:
        """Encode an error for a stream that has started."""
        error = {"code": _failure_code(status), "message": message}
        return self._event("failed", response={**self._begun, "status": "failed", "error": error})

    def plain(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON body of a complete reply."""
        status = "incomplete" if reply.get("incomplete_details") else "completed"
        return {
            **reply,
            "created_at": int(reply["created_at"]),
            "status": reply.get("status") or status,
            "output": [self._as_declared(_settled(item)) for item in reply.get("output") or []],
            "usage": _usage(reply.get("usage")),
        }

    def opening(self, request: dict[str, Any]) -> bytes:
        """Return the beginning of a stream, sent before the reply is complete."""
        self._begun = {
            "id": f"resp_{secrets.token_hex(24)}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "model": request["model"],
            "output": [],
            "parallel_tool_calls": request.get("parallel_tool_calls", True),
            "tool_choice": request.get("tool_choice") or "auto",
            "tools": request.get("tools") or [],
            "usage": None,
            "error": None,
            "incomplete_details": None,
        }
        return self._start(self._begun)

    def stream(self, request: dict[str, Any], reply: dict[str, Any], opened: bool) -> Iterator[bytes]:
        """Yield a complete reply as a stream, without its beginning if `opened`."""
        response = self.plain(reply)
        if opened:
            response.update(id=self._begun["id"], created_at=self._begun["created_at"])
        else:
            blank: dict[str, Any] = {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
            yield self._start({**response, **blank})
        for index, item in enumerate(response["output"]):
            yield from self._item(index, item)
        yield self._event(response["status"], response=response)

    def _tool_lists(self, request: dict[str, Any]) -> Iterator[list[Any]]:
        yield from super()._tool_lists(request)
        # Clients also declare tools in the conversation: at its beginning, and as results of a tool search.
        for item in request["input"] if isinstance(request.get("input"), list) else []:
            if isinstance(item, dict) and item.get("type") in ("additional_tools", "tool_search_output"):
                yield from super()._tool_lists(item)

    def _as_declared(self, item: dict[str, Any]) -> dict[str, Any]:
        """Restore a call of a freeform tool, which other providers' models see as a function with one string."""
        if item.get("type") != "function_call" or item.get("name") not in self._freeform:
            return item
        rest = {key: value for key, value in item.items() if key != "arguments"}
        text = next(iter(json.loads(item["arguments"]).values()), "")
        return {**rest, "type": "custom_tool_call", "input": str(text)}

    def _event(self, kind: str, **data: Any) -> bytes:
        name = f"response.{kind}"
        return event({"type": name, "sequence_number": next(self._numbers), **data}, name)

    def _start(self, response: dict[str, Any]) -> bytes:
        return self._event("created", response=response) + self._event("in_progress", response=response)

    def _item(self, index: int, item: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events of an output item: its empty form, its content as deltas, the whole item."""
        kind = str(item.get("type"))
        where = {"item_id": item.get("id"), "output_index": index}
        yield self._event("output_item.added", output_index=index, item=_hollow(kind, item))
        if kind == "message":
            for number, part in enumerate(item.get("content") or []):
                yield from self._part({**where, "content_index": number}, part)
        elif kind == "reasoning":
            yield from self._reasoning(where, item)
        elif kind in _STRINGS:
            key, name = _STRINGS[kind]
            yield self._event(f"{name}.delta", **where, delta=item.get(key) or "")
            yield self._event(f"{name}.done", **where, **_named(item), **{key: item.get(key) or ""})
        elif item.get("status") == "completed":
            for stage in _STAGES.get(kind, ()):
                yield self._event(f"{kind}.{stage}", **where)
        yield self._event("output_item.done", output_index=index, item=item)

    def _part(self, where: dict[str, Any], part: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events of a message part, which is text or a refusal."""
        kind = str(part.get("type"))
        key = "refusal" if kind == "refusal" else "text"
        text = part.get(key) or ""
        more = {} if kind == "refusal" else {"logprobs": part.get("logprobs") or []}
        empty = {**part, key: "", **({"annotations": []} if "annotations" in part else {})}
        yield self._event("content_part.added", **where, part=empty)
        yield self._event(f"{kind}.delta", **where, delta=text, **more)
        for number, annotation in enumerate(part.get("annotations") or []):
            yield self._event(f"{kind}.annotation.added", **where, annotation_index=number, annotation=annotation)
        yield self._event(f"{kind}.done", **where, **{key: text}, **more)
        yield self._event("content_part.done", **where, part=part)

    def _reasoning(self, where: dict[str, Any], item: dict[str, Any]) -> Iterator[bytes]:
        for number, part in enumerate(item.get("summary") or []):
            place, text = {**where, "summary_index": number}, part.get("text") or ""
            yield self._event("reasoning_summary_part.added", **place, part={**part, "text": ""})
            yield self._event("reasoning_summary_text.delta", **place, delta=text)
            yield self._event("reasoning_summary_text.done", **place, text=text)
            yield self._event("reasoning_summary_part.done", **place, part=part)
        for number, part in enumerate(item.get("content") or []):
            yield from self._part({**where, "content_index": number}, part)


def _settled(item: dict[str, Any]) -> dict[str, Any]:
    """Return an output item as the API sends it: without null fields, and with a status unless it is reasoning."""
    present = {key: value for key, value in item.items() if value is not None}
    has_status = "status" in item and item.get("type") != "reasoning"
    return {**present, "status": item.get("status") or "completed"} if has_status else present


def _hollow(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return the empty form of an output item, which precedes its content."""
    empty: dict[str, Any] = {"status": "in_progress", "content": [], "summary": []}
    if kind in _STRINGS:
        empty = {"status": "in_progress", _STRINGS[kind][0]: ""}
    elif kind not in ("message", "reasoning"):
        empty = {"status": "in_progress"}
    return {**item, **{key: value for key, value in empty.items() if item.get(key) is not None}}


def _named(item: dict[str, Any]) -> dict[str, Any]:
    return {"name": item["name"]} if item.get("type") == "function_call" else {}


def _usage(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    """Add cached tokens to the input tokens, as OpenAI does, unlike Inspect's handler."""
    details = (usage or {}).get("input_tokens_details")
    if not usage or not details:
        return usage
    cached = (details.get("cached_tokens") or 0) + (details.get("cache_write_tokens") or 0)
    left_out = usage["input_tokens"] + usage["output_tokens"] + cached == usage["total_tokens"]
    return {**usage, "input_tokens": usage["input_tokens"] + cached} if left_out else usage


def _failure_code(status: int) -> str:
    """Return the error code from which a client decides whether to retry."""
    if status == 429:
        return "rate_limit_exceeded"
    return "server_error" if status >= 500 or status in _RETRIED else "invalid_prompt"
