from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from inspect_ai.model import ResponseSchema
from inspect_ai.util import json_schema
from pydantic import BaseModel, Field, RootModel, field_validator

from inspect_swe._contract.schema import Schema


class Finding(BaseModel):
    """Something that is wrong."""

    file: str
    line: int = Field(ge=1)
    kind: Literal["bug"] = "bug"
    severity: Literal["low", "high"]


class Report(BaseModel):
    findings: list[Finding] = Field(min_length=1)


class Broken(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def divided(cls, number: int) -> int:
        return 1 // number


SCHEMA = Schema(Report)
AS_RESPONSE = Schema(ResponseSchema(name="report", json_schema=json_schema(Report), description="What was found."))
GOOD = {"findings": [{"file": "a.py", "line": 3, "severity": "low"}]}


@pytest.mark.parametrize("schema", [SCHEMA, AS_RESPONSE])
def test_what_is_valid_is_handed_back_as_it_is(schema: Schema) -> None:
    assert schema.judge(json.dumps(GOOD)) == (GOOD, ())


def test_the_prompt_contains_the_whole_schema() -> None:
    told = json.loads(SCHEMA.text)
    finding = told["$defs"]["Finding"]
    assert finding["properties"]["line"] == {"minimum": 1, "type": "integer"}
    assert finding["properties"]["kind"] == {"const": "bug", "default": "bug", "type": "string"}
    assert finding["description"] == "Something that is wrong."
    assert told["properties"]["findings"]["minItems"] == 1
    assert json.loads(AS_RESPONSE.text)["description"] == "What was found."


def changed(**fields: Any) -> str:
    return json.dumps({"findings": [{**GOOD["findings"][0], **fields}]})


@pytest.mark.parametrize(
    ("schema", "text", "problems"),
    [
        (SCHEMA, "", ["it is not valid JSON: EOF"]),
        (SCHEMA, "```json\n{}\n```", ["it is not valid JSON: expected value at line 1 column 1"]),
        (SCHEMA, '{"findings": [', ["it is not valid JSON: EOF"]),
        (SCHEMA, "{}", ["`findings`: is required"]),
        (SCHEMA, "7", ["must be an object"]),
        (SCHEMA, changed(line="x"), ["`findings[0].line`: must be a valid integer"]),
        (
            SCHEMA,
            changed(line=0, severity="bad"),
            ["`findings[0].line`: must be", "`findings[0].severity`: must"],
        ),
        (SCHEMA, '{"findings": []}', ["`findings`: List should have at least 1 item"]),
        (AS_RESPONSE, "{}", ["'findings' is a required property"]),
        (AS_RESPONSE, changed(line="x"), ["`findings[0].line`: 'x' is not of type 'integer'"]),
        (AS_RESPONSE, changed(line=0), ["`findings[0].line`: 0 is less than the minimum of 1"]),
        (Schema(Broken), '{"number": 0}', ["it could not be validated: ZeroDivisionError"]),
    ],
)
def test_problems_name_their_place(schema: Schema, text: str, problems: list[str]) -> None:
    data, found = schema.judge(text)
    assert data is None and len(found) == len(problems)
    for line, beginning in zip(found, problems, strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize("model", [RootModel[Any], None])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "more than 50000 values"),
        ("[" * 5_000 + "]" * 5_000, "recursion limit"),
        ("[" + "1," * 60_000 + "1]", "more than 50000 values"),
        ("NaN", "not valid JSON"),
        ("[1e999]", "not valid JSON"),
        ("1" * 100_000, "not valid JSON"),
        ('"\\ud800"', "not valid JSON"),
    ],
)
def test_what_cannot_go_into_a_log_is_no_result(model: type[BaseModel] | None, text: str, problem: str) -> None:
    anything = ResponseSchema(name="any", json_schema=json_schema(object))
    (found,) = Schema(model or anything).judge(text).problems
    assert problem in found


@pytest.mark.parametrize("make", [lambda: changed(line="x" * 100_000), lambda: changed(**{"severity": "y" * 900_000})])
@pytest.mark.parametrize("schema", [SCHEMA, AS_RESPONSE])
def test_lines_are_short(schema: Schema, make: Callable[[], str]) -> None:
    assert all(len(line) <= 303 for line in schema.judge(make()).problems)


@pytest.mark.parametrize("schema", [SCHEMA, AS_RESPONSE])
def test_lines_are_few(schema: Schema) -> None:
    problems = schema.judge(json.dumps({"findings": [{}] * 10_000})).problems
    assert len(problems) == 21 and problems[-1] == "there are more problems than these"
