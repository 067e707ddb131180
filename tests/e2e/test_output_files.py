"""What agents leave behind is in the log, whatever became of the sample, and can be scored from there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import anyio.lowlevel
import pytest
from inspect_ai import score
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox, store

from inspect_swe import FileSet, OutputFiles, claude_code, codex_cli, opencode, output_files
from inspect_swe._sandbox.workspace import open_workspace
from inspect_swe.conformance._failures import _KILL_THE_CLI
from inspect_swe.testing import finish, shell

from ..docs.pages import DOCS, save_files
from ..runtime.collectors import harvested
from ..runtime.repository import BEGIN, SEE, WORK
from .harness import Run, run_agent
from .test_docs import block_with, module

PAGE = DOCS / "guides/output-files.md"
COLLECT = OutputFiles(paths=["out/**", "*.py"], patch=True)
REPOSITORY = """#!/bin/sh
set -e
git init -q; echo 'x = 1 / 0' >calc.py; git add -A
git -c user.name=Task -c user.email=task@example.com commit -qm base
"""
WRITE = "mkdir -p out; echo division by zero >out/report.md; echo x = 1 >calc.py; echo n >notes"


@scorer(metrics=[accuracy()])
def fails() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        raise RuntimeError("the scorer broke")

    return score


def time_limit(folder: Path, has_report: Scorer) -> Run:
    script = [shell(WRITE), *[shell("sleep 1000")] * 9]
    run = run_agent(
        folder, codex_cli(collect=COLLECT), script, setup=REPOSITORY, scorer=has_report, task={"time_limit": 30}
    )
    assert run.sample.limit and run.sample.limit.type == "time"
    return run


def killed(folder: Path, has_report: Scorer) -> Run:
    agent = claude_code(collect=COLLECT, retry_uncaught_errors=0)
    script = [shell(WRITE), shell("kill-the-cli")]
    run = run_agent(folder, agent, script, setup=REPOSITORY + _KILL_THE_CLI, scorer=has_report)
    assert run.error and "crashed with signal 9" in run.error
    return run


def scorer_failed(folder: Path, has_report: Scorer) -> Run:
    agent = opencode(collect=COLLECT)
    run = run_agent(folder, agent, [shell(WRITE), finish("Done.")], setup=REPOSITORY, scorer=fails())
    assert run.error == "RuntimeError('the scorer broke')"
    return run


@pytest.mark.parametrize("case", [time_limit, killed, scorer_failed])
def test_a_log_is_scored_without_a_sandbox(tmp_path: Path, case: Callable[[Path, Scorer], Run]) -> None:
    """The page's example, followed literally."""
    save_files(PAGE, tmp_path)
    has_report = module(block_with(PAGE, "def has_report"), tmp_path).has_report
    run = case(tmp_path, has_report())
    files = output_files(run.sample)
    assert {path: (file.status, file.text) for path, file in files.items()} == {
        "calc.py": ("modified", "x = 1\n"),
        "out/report.md": ("added", "division by zero\n"),
    }
    assert files.error is None and files.patch is not None
    assert [line.split()[2] for line in files.patch.splitlines() if line.startswith("diff")] == [
        "a/calc.py",
        "a/notes",
        "a/out/report.md",
    ]
    (table,) = [
        event.data
        for event in run.sample.events
        if event.event == "info" and isinstance(event.data, dict) and event.data.get("event") == "output_files"
    ]
    assert table["files"] == [
        {"path": "calc.py", "status": "modified", "size": 6, "kept": "yes"},
        {"path": "out/report.md", "status": "added", "size": 17, "kept": "yes"},
    ]
    assert table["patch"] == len(files.patch_bytes or b"")
    scored = rescored(run.log, tmp_path) if case is killed else score(read_eval_log(run.log.location), has_report())
    assert scored.samples and scored.samples[0].scores
    found = scored.samples[0].scores["has_report"]
    assert (found.value, found.answer, found.explanation) == (True, "division by zero\n", files.patch)


def rescored(log: EvalLog, folder: Path) -> EvalLog:
    """A log that `inspect score` has scored, in a process of its own."""
    output = folder / "scored.eval"
    command = [f"{Path(sys.executable).parent}/inspect", "score", log.location, "--output-file", str(output)]
    command += ["--scorer", f"{folder}/report.py@has_report", "--action", "overwrite", "--display", "none"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return read_eval_log(str(output))


async def sh(script: str) -> str:
    done = await sandbox().exec(["sh", "-ec", script])
    assert done.success, done.stderr
    return done.stdout


def in_container(
    folder: Path, image: str, begin: str, work: str, after: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
) -> FileSet:
    """What is kept, by an agent's user, of what a script of root's does in a container."""

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            workspace = await open_workspace(None, "agent", None, [])
            async with workspace.reachable():
                await harvested(workspace, OutputFiles(patch=True, max_file=100_000), partial(sh, work))
            await after()
            return state

        return solve

    run = run_agent(folder, claude_code(), [], solver=drive(), setup=f"#!/bin/sh\nset -e\n{begin}", image=image)
    assert run.error is None, run.error
    return output_files(run.sample)


def test_the_repository_of_a_task(tmp_path: Path) -> None:
    """Root's, whose patch the agent's user makes: it gives the same tree, and leaves the repository as it was."""

    async def after() -> None:
        assert await sh(SEE) == await sh("cat /tmp/before")
        assert await sh("ls /var/tmp/.agent-1500/*") == "relay\n"
        assert "2 R. " in await sh("cat /tmp/before")
        files = output_files(store())
        await sandbox().write_file("/tmp/patch", files.patch_bytes or b"")
        apply = f"git clone -q . /tmp/fresh; cd /tmp/fresh; git checkout -q {files.base}; git apply /tmp/patch"
        trees = await sh(f"git add -A; git write-tree; {apply}; git add -A; git write-tree")
        assert len(set(trees.split())) == 1 and len(trees.split()) == 2

    files = in_container(tmp_path, "bookworm", BEGIN, f"{WORK}\nchmod 600 ignored.log\n{SEE} >/tmp/before", after)
    assert files.error is None
    assert files["ignored.log"].skipped == "unreadable" and files["new-link"].skipped == "special"
    assert files["new\nline"].text == "x" and files["new-binary"].size == len(files["new-binary"].content or b"")
    assert files["removed"].status == "deleted" and "kept" not in files


def test_busybox(tmp_path: Path) -> None:
    begin = "mkdir .git sub; touch .git/HEAD; echo a >a; echo b >sub/b; echo c >c"
    work = """
    echo more >>a; rm sub/b; printf x >'new
line'; ln -s /etc/passwd link; mkfifo pipe; echo s >secret; chmod 600 secret; head -c 200000 /dev/zero >big
    mkdir node_modules; echo n >node_modules/n;     """
    files = in_container(tmp_path, "musl", begin, work)
    assert {path: (file.status, file.skipped or file.text) for path, file in files.items()} == {
        "a": ("modified", "a\nmore\n"),
        "big": ("added", "size"),
        "link": ("added", "special"),
        "new\nline": ("added", "x"),
        "pipe": ("added", "special"),
        "secret": ("added", "unreadable"),
        "sub/b": ("deleted", None),
    }
    assert files.patch is None and files.error == "There is no patch. The sandbox has no git."
