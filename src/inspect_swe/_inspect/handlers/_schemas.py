"""Translate JSON Schemas into the keywords that Inspect models, without loss of meaning.

References are replaced by their targets, `oneOf` and `const` by equal keywords, and `allOf` is merged. A keyword that
Inspect lacks becomes a sentence of the description, which the model reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from inspect_ai.tool import ToolParams

_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "examples", "deprecated", "allOf"}
)
_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_MAX_NODES = 20_000
"""Limit on the schemas of a tool after references are replaced: they can multiply."""


def tool_params(schema: Any) -> ToolParams:
    """Return a function's parameters.

    Args:
        schema: A JSON Schema, or OpenAPI's variant of it, as a client sent it.

    Raises:
        ValidationError: The schema is not one of an object.
    """
    whole = schema if isinstance(schema, dict) else {}
    translated = _Translation(whole).schema(whole, ())
    translated["type"] = "object"
    translated.setdefault("additionalProperties", None)
    names = ("type", "properties", "required", "additionalProperties")
    return ToolParams.model_validate({name: translated[name] for name in names if name in translated})


class _Translation:
    """Translation of one document, whose references point into itself."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._nodes = 0

    def schema(self, schema: Any, open_refs: tuple[str, ...]) -> dict[str, Any]:
        """Return a schema with Inspect's keywords only.

        Args:
            schema: The schema.
            open_refs: References that are being replaced: one of them again is recursive.
        """
        self._nodes += 1
        if not isinstance(schema, dict) or self._nodes > _MAX_NODES:
            return {}
        if isinstance(ref := schema.get("$ref"), str):
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            if ref in open_refs:
                return _described(self.schema(rest, open_refs), f"The same structure as {ref} (recursive).")
            return _merged(self.schema(self._target(ref), (*open_refs, ref)), self.schema(rest, open_refs))
        result: dict[str, Any] = {}
        notes: dict[str, Any] = {}
        for name, value in schema.items():
            self._keyword(name, value, open_refs, result, notes)
        for part in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
            result = _merged(result, self.schema(part, open_refs))
        if notes:
            result = _described(result, f"Constraints: {json.dumps(notes, ensure_ascii=False)}")
        return result

    def _keyword(
        self, name: str, value: Any, open_refs: tuple[str, ...], result: dict[str, Any], notes: dict[str, Any]
    ) -> None:
        """Translate one keyword into `result`, or add it to `notes`."""
        if name in ("items", "additionalProperties") and isinstance(value, dict):
            result[name] = self.schema(value, open_refs)
        elif name == "properties" and isinstance(value, dict):
            result[name] = {each: self.schema(inner, open_refs) for each, inner in value.items()}
        elif name in ("anyOf", "oneOf") and isinstance(value, list):
            result["anyOf"] = [self.schema(each, open_refs) for each in value]
        elif name == "prefixItems" and isinstance(value, list):
            result.setdefault("items", {"anyOf": [self.schema(each, open_refs) for each in value]})
            notes[name] = value
        elif name == "const":
            result["enum"] = [value]
        elif name in _PLAIN:
            if (plain := _PLAIN[name](value)) is not None:
                result[name] = plain
        elif name not in _ANNOTATIONS and value is not False:
            notes[name] = value

    def _target(self, ref: str) -> Any:
        """Return the schema that a local reference points to; remote ones are not fetched."""
        target: Any = self._document
        if not ref.startswith("#"):
            return {}
        for step in filter(None, ref[1:].split("/")):
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict):
                target = target.get(step, {})
            elif isinstance(target, list) and step.isdecimal() and int(step) < len(target):
                target = target[int(step)]
            else:
                return {}
        return target


def _type(value: Any) -> str | list[str] | None:
    """Return a type, which Google's APIs write in upper case."""
    named = [each.lower() for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
    types = [each for each in named if each in _TYPES]
    return (types if isinstance(value, list) else types[0]) if types else None


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "type": _type,
    "format": str,
    "description": str,
    "default": lambda value: value,
    "enum": lambda value: value if isinstance(value, list) else [value],
    "required": lambda value: [each for each in value if isinstance(each, str)] if isinstance(value, list) else None,
    "additionalProperties": bool,
}
"""Keywords that have no schemas inside, each with the function that reads its value."""


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that both schemas accept, as far as keywords can say it."""
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
        for name in one["properties"].keys() & other["properties"].keys():
            merged["properties"][name] = _merged(one["properties"][name], other["properties"][name])
    if "required" in one and "required" in other:
        merged["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    if "enum" in one and "enum" in other:
        merged["enum"] = [value for value in one["enum"] if value in other["enum"]]
    if "anyOf" in one and "anyOf" in other:
        merged["anyOf"] = [_merged(first, second) for first in one["anyOf"] for second in other["anyOf"]]
    if one.get("description") and other.get("description") and one["description"] != other["description"]:
        merged["description"] = f"{one['description']}\n{other['description']}"
    return merged


def _described(schema: dict[str, Any], sentence: str) -> dict[str, Any]:
    description = schema.get("description")
    return {**schema, "description": f"{description}\n{sentence}" if description else sentence}
