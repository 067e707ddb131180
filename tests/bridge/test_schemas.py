"""Schemas in the keywords that Inspect models."""

from __future__ import annotations

from typing import Any

import pytest

from inspect_swe._inspect.handlers._schemas import tool_params


def one(schema: dict[str, Any], **document: Any) -> dict[str, Any]:
    whole = {"type": "object", "properties": {"x": schema}, **document}
    return tool_params(whole).properties["x"].model_dump(exclude_none=True)


B: dict[str, Any] = {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}
A: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
BOTH = {"type": "object", "properties": {**A["properties"], **B["properties"]}, "required": ["a", "b"]}
LIST: dict[str, Any] = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 7}, {"enum": [7]}),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"allOf": [A, {"$ref": "#/$defs/B"}]}, BOTH),
        ({"$ref": "#/$defs/B", "description": "A b."}, {**B, "description": "A b."}),
        ({**LIST, "minItems": 1}, {**LIST, "description": 'Constraints: {"minItems": 1}'}),
        (
            {"type": "integer", "minimum": 0, "description": "N."},
            {"type": "integer", "description": 'N.\nConstraints: {"minimum": 0}'},
        ),
        ({"type": "string", "title": "X", "examples": ["a"]}, {"type": "string"}),
        ({"$ref": "https://example.org/schema"}, {}),
        (True, {}),
    ],
)
def test_meaning(schema: Any, expected: dict[str, Any]) -> None:
    assert one(schema, **{"$defs": {"B": B}}) == expected


def test_recursion_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    (inner,) = (one({"$ref": "#/$defs/Node"}, **{"$defs": {"Node": node}}),)
    assert "recursive" in inner["properties"]["next"]["description"]


def test_references_that_multiply_end() -> None:
    defs: dict[str, Any] = {"L0": {"type": "string"}}
    for level in range(1, 40):
        ref = {"$ref": f"#/$defs/L{level - 1}"}
        defs[f"L{level}"] = {"type": "object", "properties": {"a": ref, "b": ref}}
    assert one({"$ref": "#/$defs/L39"}, **{"$defs": defs})["type"] == "object"


def test_additional_properties_stay_open() -> None:
    assert tool_params({"type": "object"}).additionalProperties is None
    assert tool_params({"type": "object", "additionalProperties": False}).additionalProperties is False
    assert tool_params(None).properties == {}
