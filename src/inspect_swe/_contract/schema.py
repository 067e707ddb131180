"""The schema of a result, as text for the agent and as a validator of the agent's file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from inspect_ai.model import ResponseSchema
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import from_json

_MAX_VALUES = 50_000
_MAX_LINES, _MAX_LINE = 20, 300


class Verdict(NamedTuple):
    """The outcome of a validation.

    Args:
        data: The data in the text, if it is valid.
        problems: Problems, one line each; empty if the text is valid.
    """

    data: Any
    problems: tuple[str, ...] = ()


class Schema:
    """The schema of a result.

    Args:
        schema: A pydantic model, or Inspect's `ResponseSchema`.

    Raises:
        Exception: The model has no JSON schema, or the schema is not a valid JSON schema.
    """

    def __init__(self, schema: type[BaseModel] | ResponseSchema) -> None:
        self._model = None if isinstance(schema, ResponseSchema) else schema
        if isinstance(schema, ResponseSchema):
            described = {"description": schema.description} if schema.description else {}
            self._json_schema = {**described, **schema.json_schema.model_dump(exclude_none=True)}
        else:
            # Inspect's own json_schema() omits constants, exclusive bounds and item counts.
            self._json_schema = schema.model_json_schema(schema_generator=_WithoutTitles)
        Draft202012Validator.check_schema(self._json_schema)
        self._checks = Draft202012Validator(self._json_schema)

    @property
    def text(self) -> str:
        """The JSON schema."""
        return json.dumps(self._json_schema, indent=2, ensure_ascii=False)

    def judge(self, text: str) -> Verdict:
        """Validate the agent's text. Never raises."""
        if sum(text.count(mark) for mark in ",[{") > _MAX_VALUES:
            return Verdict(None, (f"it has more than {_MAX_VALUES} values",))
        try:
            data = from_json(text, allow_inf_nan=False)
            json.dumps(data, allow_nan=False)
        except ValueError as ex:
            return Verdict(None, (f"it is not valid JSON: {ex}",))
        try:
            lines = [_shortened(line) for line in islice(self._problems(text, data), _MAX_LINES + 1)]
        except Exception as ex:  # A model's own validators may raise anything.
            return Verdict(None, (_shortened(f"it could not be validated: {type(ex).__name__}: {ex}"),))
        problems = (*lines[:_MAX_LINES], "there are more problems than these") if len(lines) > _MAX_LINES else lines
        return Verdict(None if problems else data, tuple(problems))

    def _problems(self, text: str, data: Any) -> Iterator[str]:
        if self._model is None:
            for problem in self._checks.iter_errors(data):
                yield _line(list(problem.absolute_path), problem.message)
            return
        try:
            self._model.model_validate_json(text)
        except ValidationError as ex:
            for error in ex.errors(include_url=False, include_context=False, include_input=False):
                yield _line(error["loc"], _plain(error["msg"]))


class _WithoutTitles(GenerateJsonSchema):
    """A JSON schema generator without fields' titles, which only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _line(place: Sequence[str | int], what: str) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    return f"`{path}`: {what}" if path else what


def _plain(message: str) -> str:
    return re.sub("^Input should ", "must ", message).replace("Field required", "is required")


def _shortened(line: str) -> str:
    return line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}..."
