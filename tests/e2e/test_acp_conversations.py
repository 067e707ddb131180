"""All interactive agents return the conversation that was held, and its last answer, whatever the CLI asks besides."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from inspect_ai import eval

from .test_evals import EVALS, lean

RUNS = {"codex_cli": 3}
"""Codex CLI asks for a title when the first turn has ended: half of its sessions with two prompts showed it once."""


def test_the_conversation_is_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python evals/conversations.py`, with fewer runs."""
    monkeypatch.syspath_prepend(str(EVALS))
    conversations = importlib.import_module("conversations")
    sandbox = lean()
    tasks = [
        conversations.conversations(agent, "2,3", 0, RUNS.get(agent, 1), sandbox) for agent in conversations.AGENTS
    ]
    logs = eval(
        tasks,
        model="scripted/conversations",
        log_dir=str(tmp_path),
        display="none",
        max_tasks=len(tasks),
        max_samples=2,
        fail_on_error=False,
        time_limit=300,
    )
    errors = [sample.error.message for log in logs for sample in log.samples or [] if sample.error]
    counts = conversations.tally(logs)
    assert not errors
    assert {agent for agent, _, _ in counts} == {*conversations.AGENTS} and len(conversations.AGENTS) == 6
    assert {cell: counts[cell][True] for cell in counts} == {cell: counts[cell].total() for cell in counts}
