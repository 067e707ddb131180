"""Runs, read from logs through Inspect's dataframes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from inspect_ai.event import InfoEvent, ModelEvent, SpanBeginEvent, SpanEndEvent, ToolEvent
from inspect_ai.log import EvalSample
from inspect_ai.scorer import value_to_float

from .._errors import ComparisonError

_USAGE = ("input_tokens", "output_tokens", "input_tokens_cache_read", "input_tokens_cache_write", "total_cost")


@dataclass(frozen=True)
class Run:
    """One sample in one epoch of one log. Facts that the log does not contain are None or absent."""

    log: str
    agent: str
    model: str
    sample: str
    epoch: int
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]


def read_runs(logs: Sequence[str]) -> list[Run]:
    """Read the runs of logs or folders of logs.

    Raises:
        ComparisonError: If the extra `report` is not installed, or a log cannot be read.
    """
    try:
        import pandas  # noqa: F401
        import plotly  # noqa: F401
        import pyarrow  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        hint = "Install the extra: pip install 'inspect_swe[report]'."
        raise ComparisonError(f"The comparison needs the package {error.name}.", hint=hint) from error
    from inspect_ai.analysis import EvalColumn, SampleColumn, evals_df, samples_df

    columns = {
        "task": "eval.task", "dataset": "eval.dataset.name", "model": "eval.model", "solver": "plan.steps",
        "scorers": "eval.scorers", "limits": "eval.config", "parameters": "eval.model_generate_config",
    }  # fmt: skip
    try:
        evals = evals_df(
            list(logs), columns=[EvalColumn(name, path=path) for name, path in columns.items()], quiet=True
        )
        facts = SampleColumn("facts", path=_facts_as_json, full=True)
        samples = samples_df(list(logs), columns=[facts], quiet=True)
    except (OSError, ValueError) as error:
        raise ComparisonError("A log could not be read.", hint=str(error)) from error
    settings = {row["eval_id"]: row for row in evals.to_dict("records")}
    return [_run(row, settings[row["eval_id"]]) for row in samples.to_dict("records")]


def _run(row: Mapping[Any, Any], settings: Mapping[Any, Any]) -> Run:
    facts = json.loads(row["facts"])
    agent = facts["agent"] or _last_solver(_text(settings["solver"])) or "unknown"
    known: dict[str, Any] = {name: _text(settings[name]) for name in ("task", "dataset", "scorers", "parameters")}
    known["limits"] = _limits(_text(settings["limits"]))
    return Run(str(row["log"]), agent, str(settings["model"]), facts["id"], facts["epoch"], known, facts)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _last_solver(steps: str | None) -> str | None:
    """Return the name of a plan's last solver, without its package."""
    names = [str(step["solver"]).rpartition("/")[2] for step in json.loads(steps or "[]")]
    return names[-1] if names else None


def _limits(config: str | None) -> dict[str, Any]:
    values = json.loads(config) if config else {}
    return {name: value for name, value in values.items() if name.endswith("_limit") and value is not None}


def _facts_as_json(sample: EvalSample) -> str:
    return json.dumps(_facts(sample))


def _facts(sample: EvalSample) -> dict[str, Any]:
    info = [event for event in sample.events if isinstance(event, InfoEvent) and isinstance(event.data, dict)]
    launches = [event.data for event in info if event.source == "inspect_swe" and "agent" in event.data]  # type: ignore[operator]
    parameters = [event.data for event in info if event.source == "inspect_swe.parameters"]
    to_float = value_to_float()
    scores = {
        name: float(to_float(score.value))
        for name, score in (sample.scores or {}).items()
        if isinstance(score.value, str | int | float | bool)
    }
    return {
        "id": str(sample.id),
        "epoch": sample.epoch,
        "input": sha256(str([sample.input, sample.target]).encode()).hexdigest() if _is_text(sample) else None,
        "agent": "+".join(dict.fromkeys(str(each["agent"]) for each in launches)),  # type: ignore[call-overload,index]
        "versions": sorted({f"{each['agent']} {each.get('version')}" for each in launches}),  # type: ignore[call-overload,index,union-attr]
        "bridges": sorted({str(each.get("bridge")) for each in launches}),  # type: ignore[union-attr]
        "parameters": parameters,
        "scores": scores,
        "error": _error_type(sample.error.message) if sample.error else None,
        "limit": sample.limit.type if sample.limit else None,
        "usage": {
            model: {name: getattr(usage, name, None) for name in _USAGE} for model, usage in sample.model_usage.items()
        },
        "turns": sum(message.role == "assistant" for message in sample.messages) if sample.messages else None,
        "model_calls": sum(isinstance(event, ModelEvent) for event in sample.events) if sample.events else None,
        "tools": Counter(e.function for e in sample.events if isinstance(e, ToolEvent)) if sample.events else None,
        "seconds": _seconds(sample, launches),
    }


def _is_text(sample: EvalSample) -> bool:
    return isinstance(sample.input, str)


def _error_type(message: str) -> str:
    return message.split("(")[0].split(":")[0].strip() or "unknown"


def _seconds(sample: EvalSample, launches: Sequence[Any]) -> dict[str, float | None]:
    """Split the sample's wall time. Concurrent calls count once; the rest belongs to the harness.

    Inspect's total begins when the container runs.
    """
    model = _covered((e.timestamp, e.completed) for e in sample.events if isinstance(e, ModelEvent))
    tools = _covered((e.timestamp, e.completed) for e in sample.events if isinstance(e, ToolEvent))
    setups = [each["setup"] for each in launches if isinstance(each.get("setup"), dict)]
    install = sum(float(each.get(k) or 0) for each in setups for k in ("find_seconds", "place_seconds"))
    parts = {"install": install if setups else None, "model": model, "tools": tools}
    total = sample.total_time
    rest = None if total is None or model is None else max(0.0, total - sum(each or 0 for each in parts.values()))
    return {"container": _span(sample, "init"), **parts, "harness": rest, "total": total}


def _span(sample: EvalSample, name: str) -> float | None:
    begin = next((e for e in sample.events if isinstance(e, SpanBeginEvent) and e.name == name), None)
    end = next((e for e in sample.events if begin and isinstance(e, SpanEndEvent) and e.id == begin.id), None)
    return (end.timestamp - begin.timestamp).total_seconds() if begin and end else None


def _covered(intervals: Iterable[tuple[datetime, datetime | None]]) -> float | None:
    known = sorted((start, end) for start, end in intervals if end is not None)
    if not known:
        return None
    seconds, until = 0.0, known[0][0]
    for start, end in known:
        seconds += max(0.0, (end - max(start, until)).total_seconds())
        until = max(until, end)
    return seconds
