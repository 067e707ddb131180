"""What a request tells the model, independent of the wire format: to compare requests of different vendors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ._normal import plain
from ._providers._wire import text_of

MARKS = ("<think", "<content-internal")
"""Marks of Inspect's own state, which neither a model nor a CLI should ever see."""


def meaning(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the system prompt, the tools and the conversation of a request, without volatile values.

    Args:
        dialect: Wire format: "anthropic" or "responses".
        body: The request's body.
    """
    system, tools, items = (_anthropic if dialect == "anthropic" else _responses)(body)
    texts = [item["text"] for item in items if item.get("role") in ("system", "developer") and "text" in item]
    conversation = _joined(item for item in items if item.get("role") not in ("system", "developer"))
    return {
        "system": plain(_one_text([system, *texts])),
        "tools": {name: plain({"description": text, "schema": plain_meaning(schema)}) for name, text, schema in tools},
        "conversation": plain(conversation),
    }


def _joined(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the texts of one speaker, which one vendor's format splits into parts and another's does not."""
    parts: list[dict[str, Any]] = []
    for item in items:
        before = parts[-1] if parts else {}
        if "text" in item and "text" in before and before["role"] == item["role"]:
            before["text"] = _one_text([before["text"], item["text"]])
        elif item.get("text") != "":
            parts.append({**item, "text": _one_text([item["text"]])} if "text" in item else item)
    return parts


def _one_text(texts: list[str]) -> str:
    return re.sub(r"\n{2,}", "\n", "\n".join(text.strip() for text in texts if text.strip()))


def marks(value: Any) -> Iterator[str]:
    """Yield the texts in which Inspect marked its own state."""
    if isinstance(value, str):
        if any(mark in value for mark in MARKS):
            yield value
    else:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from marks(each)


def plain_meaning(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """Return a JSON schema with references resolved, and alternatives, constants and intersections in one spelling."""
    if isinstance(schema, list):
        return [plain_meaning(each, root, depth) for each in schema]
    if not isinstance(schema, dict):
        return schema
    root = schema if root is None else root
    if "$ref" in schema and depth < 5:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {})
        return plain_meaning({**target, **{key: schema[key] for key in schema if key != "$ref"}}, root, depth + 1)
    parts: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "allOf":
            for part in plain_meaning(value, root, depth):
                parts |= part
        elif key == "properties":
            parts[key] = {name: plain_meaning(each, root, depth) for name, each in value.items()}
        elif not (key in _UNTOLD or (key in _EMPTY and not value)):
            keyword = _ALIKE.get(str(key), str(key))
            parts[keyword] = plain_meaning([value] if key == "const" else value, root, depth)
    return parts


_UNTOLD = frozenset({"$schema", "$defs", "definitions", "title"})
_EMPTY = frozenset({"additionalProperties", "required"})
_ALIKE = {"oneOf": "anyOf", "const": "enum"}
_Content = tuple[str, list[tuple[str, str, Any]], list[dict[str, Any]]]


def _anthropic(body: dict[str, Any]) -> _Content:
    tools = [
        (t["name"], t.get("description") or "", t["input_schema"])
        for t in body.get("tools") or []
        if "input_schema" in t
    ]
    items: list[dict[str, Any]] = []
    for message in body.get("messages") or []:
        content, role = message["content"], message["role"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            match block["type"]:
                case "text":
                    items.append({"role": role, "text": block["text"]})
                case "tool_use":
                    items.append({"call": block["name"], "arguments": block["input"]})
                case "tool_result":
                    items.append({"result": text_of(block.get("content")), "media": _media(block.get("content"))})
                case "image" | "document":
                    items.append({"role": role, "media": _media([block])})
    return text_of(body.get("system")), tools, items


def _responses(body: dict[str, Any]) -> _Content:
    tools: list[tuple[str, str, Any]] = []
    for tool in body.get("tools") or []:
        for each in tool.get("tools") or [tool]:
            name = f"{tool['name']}__{each['name']}" if each is not tool else str(tool.get("name") or tool["type"])
            if each["type"] == "function":
                tools.append((name, each.get("description") or "", each.get("parameters")))
    items: list[dict[str, Any]] = []
    given = body.get("input") or []
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        if "role" in item:
            items.append({"role": item["role"], "text": text_of(item["content"])})
            items += [{"role": item["role"], "media": media}] if (media := _media(item["content"])) else []
        elif item["type"] == "function_call":
            name = "__".join(filter(None, [item.get("namespace"), item["name"]]))
            items.append({"call": name, "arguments": json.loads(item["arguments"])})
        elif item["type"] == "function_call_output":
            items.append({"result": text_of(item["output"]), "media": _media(item["output"])})
    return str(body.get("instructions") or ""), tools, items


def _media(content: Any) -> list[str]:
    """Return the data of images and documents, the end of which is enough to tell them apart."""
    parts = []
    for part in content if isinstance(content, list) else []:
        data = (part.get("source") or {}).get("data") or part.get("image_url") or part.get("file_data")
        if data:
            parts.append(str(data)[-40:])
    return parts
