"""The host process is killed while the agent works: nothing of the session may be left running."""

from __future__ import annotations

import importlib

import pytest

from .test_evals import EVALS


def test_nothing_is_left_when_the_host_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EVALS)
    cell = importlib.import_module("fault_matrix").host_killed("claude_code")
    assert (cell.status, cell.left, cell.wrong) == ("lost", (), ())
    assert cell.seconds < 150, "the relay saw the end of its input; a lease lasts for 180 s"
