"""Google's Gemini API."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from inspect_ai.tool import ToolInfo

from .._record import Prompt
from .._script import tool_info
from ._wire import Reply, event, events, pieces

_SKIPPED = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Signatures that the vendor accepts for history of another origin."""
_GIVEN = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "properties"})
"""Fields whose content the client chooses."""
_SIGNED = "CiQBFake"


class GoogleWire:
    """`generateContent` and `streamGenerateContent`, with signed thoughts."""

    name = "google"

    def tools(self, body: dict[str, Any]) -> list[ToolInfo]:
        """Return the declared functions."""
        return [
            tool_info(
                each["name"], each.get("description") or "", each.get("parametersJsonSchema") or each.get("parameters")
            )
            for tool in body.get("tools") or []
            for each in tool.get("functionDeclarations") or []
        ]

    def prompt(self, body: dict[str, Any]) -> Prompt:
        """Return the texts by which a conversation is recognized."""
        contents = _contents(body)
        first = next((n for n, each in enumerate(contents) if each.get("role") == "model"), len(contents))
        system = body.get("systemInstruction") or {}
        opening = [_text(system), *(_text(each) for each in contents[:first])]
        users = [_text(each) for each in contents if each.get("role") != "model" and _text(each)]
        parts = [part for each in contents for part in each.get("parts") or []]
        results = [part["functionResponse"].get("response") for part in parts if "functionResponse" in part]
        return Prompt("\n".join(opening), users[-1] if users else "", json.dumps(results[-1:]))

    def schema(self, body: dict[str, Any]) -> Any:
        """Return the JSON schema of the answer that the request asks for, or None."""
        config = body.get("generationConfig") or {}
        return config.get("responseJsonSchema") or config.get("responseSchema")

    def problem(self, body: dict[str, Any]) -> str | None:
        """Check that calls are answered by the next content, and are signed in the current turn."""
        contents = _contents(body)
        for content, after in zip(contents, [*contents[1:], {}], strict=True):
            calls = [part for part in content.get("parts") or [] if "functionCall" in part]
            results = [part for part in after.get("parts") or [] if "functionResponse" in part]
            if len(calls) != len(results):
                return (
                    "Please ensure that the number of function response parts is equal to the number of function call "
                    "parts of the function call turn."
                )
        turn = max((n for n, each in enumerate(contents) if each.get("role") != "model" and _text(each)), default=0)
        for content in contents[turn:]:
            calls = [part for part in content.get("parts") or [] if "functionCall" in part]
            signed = calls[0].get("thoughtSignature") if calls else _SIGNED
            if "gemini-3" in str(body.get("model", "gemini-3")) and signed is None:
                return f"Function call is missing a thought_signature: {calls[0]['functionCall']['name']}"
            if signed is not None and not signed.startswith(
                (_SIGNED, *(_base64(each) for each in _SKIPPED), *_SKIPPED)
            ):
                return "Corrupted thought signature."
        return None

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Return whether the method is the streaming one."""
        return "streamGenerateContent" in path

    def whole(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """Return a response."""
        return _response(reply, list(_parts(body, reply)), final=True)

    def stream(self, body: dict[str, Any], reply: Reply) -> Iterable[bytes]:
        """Yield a response's chunks."""
        for part in _parts(body, reply):
            texts = pieces(part["text"]) if "text" in part else []
            for number, text in enumerate(texts):
                rest = {
                    key: value for key, value in part.items() if key != "thoughtSignature" or number == len(texts) - 1
                }
                yield event(_response(reply, [{**rest, "text": text}], final=False))
            if not texts:
                yield event(_response(reply, [part], final=False))
        yield event(_response(reply, [{"text": ""}], final=True))

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}

    def received(self, reply: bytes) -> dict[str, Any]:
        """Return the response of a reply, with adjacent texts joined."""
        text = reply.decode(errors="replace").strip()
        chunks = json.loads(text) if text.startswith("[") else events(reply)
        parts: list[dict[str, Any]] = []
        candidate: dict[str, Any] = {}
        for chunk in chunks:
            for each in chunk.get("candidates") or []:
                candidate |= {key: value for key, value in each.items() if key != "content"}
                for part in (each.get("content") or {}).get("parts") or []:
                    _join(parts, part)
        last = {
            key: value
            for key, value in (chunks[-1] if chunks else {}).items()
            if key not in ("candidates", "responseId")
        }
        return {**last, **candidate, "parts": [part for part in parts if part != {"text": ""}]}


def camel_case(value: Any) -> Any:
    """Return a request with the field names of the documentation: the server accepts them in snake case, too."""
    if isinstance(value, list):
        return [camel_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_([a-z])", lambda match: match[1].upper(), key): each for key, each in value.items()}
    return {key: each if key in _GIVEN else camel_case(each) for key, each in named.items()}


def _join(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    before = parts[-1] if parts else {}
    if "text" in part and "text" in before and before.get("thought") == part.get("thought"):
        parts[-1] = {**before, **part, "text": before["text"] + part["text"]}
    else:
        parts.append(dict(part))


def _contents(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body.get("contents") or []
    return [given] if isinstance(given, dict) else given


def _text(content: dict[str, Any]) -> str:
    return "\n".join(part["text"] for part in content.get("parts") or [] if "text" in part)


def _parts(body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    answer = reply.answer
    thinking = (body.get("generationConfig") or {}).get("thinkingConfig") or {}
    if answer.thinking is not None and thinking.get("includeThoughts"):
        yield {"text": f"**{answer.thinking}**", "thought": True}
    signature = _SIGNED + _base64(f"signature {reply.number}")
    if answer.text:
        # The signature stands in the first call; without calls, in the last part.
        yield {"text": answer.text, **({} if reply.calls else {"thoughtSignature": signature})}
    for index, call in enumerate(reply.calls):
        signed = {} if index else {"thoughtSignature": signature}
        yield {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}, **signed}


def _response(reply: Reply, parts: list[dict[str, Any]], final: bool) -> dict[str, Any]:
    usage, thoughts = reply.usage, 16 if reply.answer.thinking else 0
    counted = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.output - thoughts,
        "totalTokenCount": usage.prompt + usage.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
        **({"cachedContentTokenCount": usage.read} if usage.read else {}),
        **({"thoughtsTokenCount": thoughts} if thoughts else {}),
    }
    candidate = {
        "content": {"parts": parts, "role": "model"},
        **({"finishReason": "STOP"} if final else {}),
        "index": 0,
    }
    model = re.sub("^models/", "", reply.model)
    return {
        "candidates": [candidate],
        "usageMetadata": counted,
        "modelVersion": model,
        "responseId": f"fake{reply.number:04}",
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
