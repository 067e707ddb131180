"""Samples that are retried go on from their last checkpoint: the real CLIs, each in a second container."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from contextvars import copy_context
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from inspect_ai import Task, eval_set
from inspect_ai.agent import as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import ArchiveSnapshots, CheckpointConfig, SandboxSnapshotConfig, TurnInterval
from inspect_ai.util._checkpoint import checkpointer_impl
from inspect_ai.util._restic.resolver import _current_platform, cache_path

import inspect_swe
from inspect_swe._agents import ROSTER
from inspect_swe.testing import ScriptedRequest, finish, scripted, shell, wait

from .harness import Run, compose_file, containers, mounts, prints

AGENTS = [adapter.key for adapter in ROSTER]
LOST, UNSCORED = "lost", "unscored"
"""Runs of Claude Code: its session is not in the checkpoints; its scorer fails at first."""


def next_step(request: ScriptedRequest) -> Any:
    """One command after the other, as the conversation says which have been run.

    It takes a second, as a model does: that long the CLI has to write its session down, which is then captured.
    """
    results = [message.text for message in request.messages if message.role == "tool"]
    done = sum(any(f"RESULT-{n}" in text for text in results) for n in (1, 2, 3))
    command = f"echo {done + 1} >> work.txt; echo RESULT-{done + 1}"
    return finish("All done.") if done == 3 else wait(1, shell(command))


def task(folder: Path, name: str) -> Task:
    """An agent whose container is removed at its fourth request: the checkpoint knows of two commands."""
    asked = scored = 0

    async def remove_at_the_fourth(*request: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 4 and name != UNSCORED:
            remove = ["docker", "rm", "-f", *containers(folder)]
            await anyio.to_thread.run_sync(lambda: subprocess.run(remove, check=True, capture_output=True))
            await anyio.sleep_forever()

    @scorer(metrics=[accuracy()])
    def fails_at_first() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            nonlocal scored
            scored += 1
            if scored == 1:
                raise RuntimeError("not this time")
            return Score(value=1, answer=state.output.completion)

        return score

    key, captured = name if name in AGENTS else "claude_code", ["/workspace", *["/root"] * (name != LOST)]
    folder.mkdir()
    return Task(
        name=name,
        dataset=[Sample(input="THE-TASK-TEXT")],
        solver=as_solver(getattr(inspect_swe, key)(filter=remove_at_the_fourth, system_prompt="SYSTEM-MARK")),
        scorer=fails_at_first() if name == UNSCORED else prints("cat work.txt"),
        sandbox=("lean_test", compose_file(folder, volumes=mounts(key, "stable"))),
        model=scripted([next_step] * 6),
        checkpoint=CheckpointConfig(
            trigger=TurnInterval(every=2),
            sandbox_paths={"default": SandboxSnapshotConfig(paths=captured, strategy=ArchiveSnapshots())},
        ),
    )


def take_the_distributions_restic() -> None:
    """Inspect would fetch its own release of restic, with which checkpoints are written, from another site."""
    installed, expected = shutil.which("restic"), cache_path(_current_platform())
    assert installed, "checkpoints need restic: scripts/restic.sh installs it"
    if not expected.exists():
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.symlink_to(installed)


async def backed_up(*details: Any) -> Any:
    """Inspect's transcript is written to while restic reads it, which ends with 3 then: Inspect's next one counts."""
    for _ in range(9):
        try:
            return await run_backup(*details)
        except subprocess.CalledProcessError as error:
            if error.returncode != 3:
                raise
    raise AssertionError("restic cannot read the transcript")


run_backup = checkpointer_impl.run_backup  # type: ignore[attr-defined]


@functools.cache
def runs() -> dict[str, Run]:
    """What came of all agents, each retried once."""
    take_the_distributions_restic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpointer_impl, "run_backup", backed_up)
        # eval_set(), unlike eval(), leaves its model and its settings in the context it was called in.
        return copy_context().run(evaluated)


def evaluated() -> dict[str, Run]:
    folder = Path(tempfile.mkdtemp())
    tasks = {name: task(folder / name, name) for name in (*AGENTS, LOST, UNSCORED)}
    _, logs = eval_set(
        [*tasks.values()],
        str(folder / "logs"),
        display="none",
        max_tasks=4,
        retry_attempts=1,
        retry_wait=0.1,
        retry_connections=1,
    )
    found = {log.eval.task: read_eval_log(log.location) for log in logs}
    shutil.rmtree(folder)
    return {name: Run(log, get_model(tasks[name].model)) for name, log in found.items()}


@pytest.mark.parametrize("key", AGENTS)
def test_a_retry_goes_on_from_the_checkpoint(key: str) -> None:
    run = runs()[key]
    assert run.seen == "1\n2\n3\n"
    assert run.sample.output.completion.strip().endswith("All done.")
    assert [request.sample for request in run.requests] == [0, 0, 0, 1, 1]
    resumed = run.requests[3].messages
    for once in ("THE-TASK-TEXT", "SYSTEM-MARK", "RESULT-1", "RESULT-2", "You were interrupted by an error"):
        assert sum(once in message.text for message in resumed) == 1, (once, [message.text for message in resumed])
    ids = [message.id for message in run.sample.messages]
    assert len(ids) == len(set(ids))
    results = [message.text for message in run.sample.messages if message.role == "tool"]
    assert [sum(f"RESULT-{n}" in text for text in results) for n in (1, 2, 3)] == [1, 1, 1]


def test_a_retry_that_only_scores() -> None:
    run = runs()[UNSCORED]
    assert run.seen == "All done."
    assert [request.sample for request in run.requests] == [0, 0, 0, 0]
    assert [message.text for message in run.sample.messages if message.role == "tool"] == [
        "RESULT-1",
        "RESULT-2",
        "RESULT-3",
    ]


def test_a_checkpoint_without_the_session() -> None:
    error = runs()[LOST].error
    assert error is not None
    assert "does not contain the CLI's session" in error
    assert "add the home directory of the agent's user to `sandbox_paths`" in error
