"""Pages of the manual, followed literally, with the real CLIs and scripted models."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from inspect_ai import eval as run_eval
from inspect_ai import task_with
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.scorer import accuracy as mean
from inspect_ai.solver import TaskState
from inspect_ai.tool import MCPServerConfigStdio
from inspect_ai.util import sandbox

from inspect_swe import nop, oracle
from inspect_swe.testing import ScriptStep, call, fail, finish, say, scripted, shell

from ..docs.pages import DOCS, Block, blocks, read, save_files
from ..fakes import crush_stand_in
from .harness import compose_file, run_agent

TASK = DOCS / "write-your-own-task.md"
LOG = DOCS / "guides/reading-the-transcript.md"
SUITES = DOCS / "guides/handoff-and-suites.md"
OWN = DOCS / "guides/your-own-agent.md"
CRUSH = DOCS / "guides/crush.md"
CALIBRATION = DOCS / "guides/calibration.md"


def follow(command: str, folder: Path) -> EvalLog:
    """Run a line of a page as its reader would, with this interpreter's commands; the log that it leaves."""
    logs = folder / "logs" / re.sub(r"\W+", "-", command)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "INSPECT_LOG_DIR": str(logs)}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (log,) = list_eval_logs(str(logs))
    return read_eval_log(log)


def lines(page: Path, beginning: str) -> Iterator[str]:
    """The lines of the page's shell blocks that begin like this."""
    for block in blocks(page):
        if block.language == "bash":
            yield from (line for line in block.code.splitlines() if line.startswith(beginning))


def block_with(page: Path, text: str) -> Block:
    (found,) = (block for block in blocks(page) if text in block.code)
    return found


def module(block: Block, folder: Path) -> ModuleType:
    file = folder / f"block_{block.line}.py"
    file.write_text(block.code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> list[EvalLog]:
    """The logs of "Write your own task", whose reader rehearses it twice."""
    folder = tmp_path_factory.mktemp("task")
    save_files(TASK, folder)
    commands = [line for line in lines(TASK, "inspect eval") if "--model scripted/" in line]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(functools.partial(follow, folder=folder), commands))


def accuracy(log: EvalLog) -> float:
    assert log.status == "success" and log.results
    return float(log.results.scores[0].metrics["accuracy"].value)


def test_a_task_of_ones_own(rehearsed: list[EvalLog]) -> None:
    assert [accuracy(log) for log in rehearsed] == [1.0, 0.0]
    solved = rehearsed[0].samples
    assert solved and solved[0].scores and "+    return" in str(solved[0].scores["passes_tests"].answer)


def test_what_ran(rehearsed: list[EvalLog], tmp_path: Path) -> None:
    what_ran: Any = module(block_with(LOG, "def what_ran"), tmp_path).what_ran
    (found,) = what_ran(rehearsed[0])
    assert found["agent"] == "claude_code" and found["source"] in ("cache", "download")
    told = [event for event in (rehearsed[0].samples or [])[0].events if event.event == "info"]
    (data,) = (event.data for event in told if event.source == "inspect_swe")
    assert isinstance(data, dict)
    table = read(LOG).partition("## Run metadata")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(data)


def test_two_coders(tmp_path: Path) -> None:
    made = module(block_with(SUITES, "def two_coders"), tmp_path).two_coders()
    script: list[ScriptStep] = [
        *(call("writer", input="Write it."), shell("echo bug > calc.py"), finish("Written.")),
        *(call("reviewer", input="Review it."), shell("cat calc.py"), finish("Found a bug.")),
        call("submit", answer="The bug is mended."),
    ]
    (log,) = run_eval(
        task_with(made, sandbox=("lean_test", compose_file(tmp_path))),
        model=scripted(script),
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert accuracy(log) == 1.0
    events = (log.samples or [])[0].events
    infos = (event.data for event in events if event.event == "info" and event.source == "inspect_swe")
    ran = [data["agent"] for data in infos if isinstance(data, dict)]
    assert ran == ["claude_code", "codex_cli"]
    assert "bug" in "".join(message.text for message in (log.samples or [])[0].messages if message.role == "tool")


def test_an_agent_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_files(OWN, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    coder: Any = importlib.import_module("coder").coder
    run = run_agent(tmp_path, coder(), [shell("echo hi > out.txt"), say("I wrote it.")], show="cat out.txt")
    assert run.seen == "hi\n" and run.info["agent"] == "coder"
    assert run.sample.output.completion == "I wrote it."


@scorer(metrics=[mean()])
def has_written() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        done = await sandbox().exec(["cat", "out.txt"])
        return Score(value=int(done.stdout == "hi\n"))

    return score


@pytest.fixture
def crush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The factory of the page about Crush."""
    save_files(CRUSH, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert len(block_with(CRUSH, "class Crush").code.splitlines()) < 100
    yield importlib.import_module("crush_agent").crush
    del sys.modules["crush_agent"]


STAND_IN = [f"{crush_stand_in.__file__}:/usr/local/bin/crush:ro"]
SERVER = Path(crush_stand_in.__file__).with_name("mcp_stdio.py")


def test_an_adapter_for_crush(tmp_path: Path, crush: Any) -> None:
    server = MCPServerConfigStdio(
        name="std",
        command="python3",
        args=["-c", SERVER.read_text()],
        cwd="/tmp",
        env={"PRICE": "$5 'each'"},
    )
    agent = crush(attempts=2, system_prompt="SYSTEM-MARKER", mcp_servers=[server])
    script: list[ScriptStep] = [call("std/add", a=2, b=3), say("One."), shell("echo hi > out.txt"), say("Two.")]
    run = run_agent(tmp_path, agent, script, volumes=STAND_IN, scorer=has_written())
    assert run.error is None, run.error
    texts = [message.text for message in run.requests[-1].messages]
    assert [message.text for message in run.sample.messages if message.role == "assistant"][-1] == "Two."
    assert "sum=5" in texts and sum("SYSTEM-MARKER" in text for text in texts) == 1
    assert run.info["agent"] == "crush" and run.info["source"] == "sandbox"
    assert any("incorrect" in text for text in texts), "the second attempt is not in the first one's session"


def test_an_adapter_for_crush_tells_errors_apart(tmp_path: Path, crush: Any) -> None:
    refused = run_agent(tmp_path, crush(), [fail(400, "no such thing")], volumes=STAND_IN)
    assert "HTTP 400: no such thing" in (refused.error or "")
    killed: list[ScriptStep] = [shell("kill -9 $PPID"), shell("echo again > out.txt"), say("Done.")]
    assert run_agent(tmp_path, crush(), killed, show="cat out.txt", volumes=STAND_IN).seen == "again\n"
    missing = run_agent(tmp_path, crush(), [])
    assert "Crush is not installed in the sandbox" in (missing.error or "")


def test_a_task_is_calibrated(tmp_path: Path) -> None:
    made = module(block_with(CALIBRATION, "def halves"), tmp_path)
    for agent, worth in ((oracle(), 1.0), (nop(), 0.0)):
        task = task_with(made.halves(), solver=agent, sandbox=("lean_test", compose_file(tmp_path)))
        (log,) = run_eval(task, log_dir=str(tmp_path / "logs"), display="none")
        assert accuracy(log) == worth and (log.samples or [])[0].model_usage == {}
