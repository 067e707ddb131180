"""Samples as JSON lines: metadata, prompt and events in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, EvalSample
from pydantic_core import to_jsonable_python

from ._metadata import agents_of, facts_of


def write_lines(log: EvalLog, sample: EvalSample, place: Path) -> Path:
    """Write the lines to PLACE.jsonl."""
    path = place.with_name(f"{place.name}.jsonl")
    with path.open("w", encoding="utf-8") as file:
        for line in _lines(log, sample):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def _lines(log: EvalLog, sample: EvalSample) -> Iterator[dict[str, Any]]:
    yield {"_meta": {**facts_of(log, sample), "agents": list(agents_of(sample))}}
    yield {"_prompt": to_jsonable_python(sample.input, exclude_none=True)}
    for event in sample.events:
        yield event.model_dump(mode="json", exclude_none=True, fallback=str)
