from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import Model
from inspect_ai.solver import Solver

RunEval = Callable[..., EvalLog]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the scripted model went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def run_eval(tmp_path: Path) -> RunEval:
    def run(solver: Solver, model: Model | str, samples: int = 1, **options: Any) -> EvalLog:
        from inspect_ai.dataset import Sample

        task = Task(dataset=[Sample(input=f"task {n}", id=n) for n in range(1, samples + 1)], solver=solver)
        return eval(task, model=model, display="none", log_dir=str(tmp_path / "logs"), **options)[0]

    return run
