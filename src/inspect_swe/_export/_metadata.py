"""Metadata that several formats share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inspect_ai.log import EvalLog, EvalSample


def agents_of(sample: EvalSample) -> Iterator[dict[str, Any]]:
    """Yield the metadata of each agent run in a sample."""
    for event in sample.events:
        data = event.data if event.event == "info" and event.source == "inspect_swe" else None
        if isinstance(data, dict) and "agent" in data:
            yield data


def facts_of(log: EvalLog, sample: EvalSample) -> dict[str, Any]:
    """Return the identity of a sample and its run, and the outcome."""
    return {
        "task": log.eval.task,
        "task_id": log.eval.task_id,
        "run_id": log.eval.run_id,
        "model": log.eval.model,
        "sample": sample.id,
        "epoch": sample.epoch,
        "uuid": sample.uuid,
        "started_at": sample.started_at,
        "completed_at": sample.completed_at,
        "error": sample.error.message if sample.error else None,
        "limit": sample.limit.type if sample.limit else None,
        "scores": {name: score.value for name, score in (sample.scores or {}).items()},
    }
