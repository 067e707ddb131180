"""Download progress: a counter in Inspect's display, or a bar of its own."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading

import inspect_ai.util
import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.solver import Generate, Solver, TaskState, solver

from inspect_swe._inspect import private as _inspect_compat
from inspect_swe._packages import progress
from inspect_swe._store.single_flight import in_worker

IS_QUIET = _inspect_compat.display_is_quiet


def work(stop: threading.Event) -> None:
    with progress.bar("tool 1.0") as update:
        # Downloads report progress from other threads.
        thread = threading.Thread(target=update, args=(25, 100, ""))
        thread.start()
        thread.join()


@solver
def downloading() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        await in_worker(work)
        await asyncio.sleep(0.1)
        return state

    return solve


def run() -> None:
    log = eval(
        Task(dataset=[Sample("x")], solver=downloading()),
        model="mockllm/model",
        display="none",
        log_dir=tempfile.mkdtemp(),
    )[0]
    assert log.status == "success", log.error


def test_in_a_sample_it_is_a_counter(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    updates: list[tuple[str, str]] = []
    monkeypatch.setattr(inspect_ai.util, "display_counter", lambda caption, value: updates.append((caption, value)))
    run()
    assert updates == [("Download", "tool 1.0: 25%"), ("Download", "tool 1.0: done")]
    assert "tool 1.0" not in capfd.readouterr().err


def test_a_quiet_display_shows_nothing(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(_inspect_compat, "display_is_quiet", IS_QUIET)
    monkeypatch.setattr(
        inspect_ai.util, "display_counter", lambda caption, value: pytest.fail("the display was updated")
    )
    run()
    asyncio.run(in_worker(work))
    assert "tool 1.0" not in capfd.readouterr().err
