"""The evals of this repository, as Inspect runs them: real CLIs, and the scripted model that is the default."""

from __future__ import annotations

import functools
import importlib
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from inspect_ai import Task, eval, list_tasks, task_with
from inspect_ai.event import InfoEvent, ScoreEvent, ToolEvent
from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log
from inspect_ai.model import ChatMessageTool, ChatMessageUser
from inspect_ai.scorer import value_to_float
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

from inspect_swe import with_agents
from inspect_swe._agents import ROSTER
from inspect_swe._packages.pins import Pins
from inspect_swe.testing import finish, register_script

from .harness import containers_of

EVALS = Path(__file__).parents[2] / "evals"
TASKS = {info.name: f"{info.file}@{info.name}" for info in list_tasks(absolute=True, root_dir=EVALS)}
WITH_ARGUMENTS = {"conformance", "conversations", "faults", "swe_task"}
"""They have tests of their own below; all others run as they are, at once."""
FAULTS = ["container_paused", "provider_529", "provider_recovers", "provider_quota", "none"]
FAULTS += ["killed_once", "killed_always", "exit_1_without_a_word", "refusal", "content_filter"]
FAULTS += ["token_limit", "cost_limit", "operator_scores", "operator_fails", "operator_cancels"]
FAULTS += ["container_killed", "container_stopped", "container_removed", "relay_killed"]
FAULTS += ["server_never_starts", "server_dies"]


def lean() -> SandboxEnvironmentSpec:
    """The evals' container, with all CLIs, from the provider that starts it faster."""
    compose = ComposeConfig.model_validate(yaml.safe_load((EVALS / "compose.yaml").read_text()))
    return SandboxEnvironmentSpec("lean_test", with_agents(compose, [adapter.key for adapter in ROSTER]).config)


def run(tasks: Any, folder: Path, model: str | None = None, **options: Any) -> list[EvalLog]:
    """Evaluate; without a model that is named, as a newcomer would."""
    return eval(tasks, model, log_dir=str(folder), display="none", max_tasks=4, time_limit=300, **options)


@functools.cache
def as_they_are() -> tuple[dict[str, EvalLog], list[str]]:
    """The log of every task that needs no arguments, and the containers that were left."""
    names, sandbox = TASKS.keys() - WITH_ARGUMENTS, lean()
    before = {name: containers_of(name) for name in names}
    with pytest.MonkeyPatch.context() as patch:
        # All is in the store now: whoever asks a registry fails.
        patch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
        patch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
        logs = run([TASKS[name] for name in names], Path(tempfile.mkdtemp()), sandbox=sandbox)
    left = [container for name in names for container in containers_of(name) - before[name]]
    return {log.eval.task: log for log in logs}, left


def samples(task: str) -> Sequence[EvalSample]:
    found = as_they_are()[0][task].samples
    assert found
    return found


def told(sample: EvalSample) -> list[dict[str, Any]]:
    """What `inspect_swe` has entered into a sample's log."""
    events = [event.data for event in sample.events if isinstance(event, InfoEvent) and event.source == "inspect_swe"]
    return [data for data in events if isinstance(data, dict)]


def agents(sample: EvalSample) -> list[str]:
    return [str(data["agent"]) for data in told(sample) if "version" in data]


def grades(log: EvalLog) -> list[float]:
    assert log.status == "success", log.error
    return [value_to_float()(score.value) for sample in log.samples or [] for score in (sample.scores or {}).values()]


@pytest.mark.parametrize("task", sorted(TASKS.keys() - WITH_ARGUMENTS))
def test_as_it_is(task: str) -> None:
    log = as_they_are()[0][task]
    assert log.eval.model.startswith("scripted/")
    assert grades(log) == [1.0] * len(samples(task))
    assert all(agents(sample) for sample in samples(task))


def test_no_container_is_left() -> None:
    assert as_they_are()[1] == []


def test_every_file_has_its_line() -> None:
    readme = (EVALS / "README.md").read_text()
    tasks = {Path(spec).name.partition("@")[0] for spec in TASKS.values()}
    files = {*tasks, "swe_evals.py", "fault_samples.py", "fault_matrix.py"}
    assert {file.name for file in EVALS.glob("*.py")} == files
    assert [file for file in sorted(files) if f"\n| [{file}]({file}) | " not in readme] == []


def test_attempts_are_scored_in_between() -> None:
    (sample,) = samples("attempts")
    scored = [e.score.value for e in sample.events if isinstance(e, ScoreEvent) and e.intermediate]
    assert scored == ["I", "C"]
    assert "primes.py prints: 1 2 3 5" in "".join(m.text for m in sample.messages if m.role == "user")


def test_turns_go_on_in_one_session() -> None:
    (sample,) = samples("multi_turn")
    said = [m.text for m in sample.messages if isinstance(m, ChatMessageUser)]
    assert len([text for text in said if "my number" in text.lower() or "double" in text]) == 3


@pytest.mark.parametrize("task", ["handed_over", "called_as_tools"])
def test_two_real_agents_work_in_one_sample(task: str) -> None:
    (sample,) = samples(task)
    assert sorted(agents(sample)) == ["claude_code", "codex_cli"]
    versions = {data["agent"]: data["version"] for data in told(sample)}
    assert versions == {key: Pins.load().pin(key).version for key in versions}


def test_the_best_one_wins() -> None:
    (sample,) = samples("best_of")
    assert sample.store["winner"] == "codex_cli"
    assert sample.store["grades"] == {"claude_code": 0.5, "codex_cli": 1.0}
    assert [m.function for m in sample.messages if isinstance(m, ChatMessageTool)] == ["exec_command"]


def test_the_search_is_the_providers() -> None:
    (sample,) = samples("web_search")
    (result,) = [m.text for m in sample.messages if m.role == "tool"]
    assert "10 June 2023" in result


def test_offline_runs_the_version_that_is_named() -> None:
    """That it is the store's is plain: no registry answers here."""
    (sample,) = samples("offline")
    ran = told(sample)[0]
    assert ran["version"] == Pins.load().pin("claude_code").version


def test_tools_run_on_the_host() -> None:
    (sample,) = samples("bridged_tools")
    assert [e.function for e in sample.events if isinstance(e, ToolEvent)] == ["price", "order"]


@pytest.mark.parametrize(
    ("task", "ends"),
    [
        ("scripted_turns", [["end_turn"] * 3]),
        ("objecting_user", [["cancelled", "end_turn"]]),
        ("resumed", [["end_turn"], ["end_turn"]]),
    ],
)
def test_interactive_turns(task: str, ends: list[list[str]]) -> None:
    turns = [[data["stop_reason"] for data in told(each) if data.get("event") == "turn"] for each in samples(task)]
    assert turns == ends


def test_conformance(tmp_path: Path) -> None:
    images = {"image": "inspect-swe-test:bookworm", "minimal_image": "inspect-swe-test:musl"}
    # Under a name of its own: the whole suite, which may run beside it, looks for containers that it has left.
    made = task_with(a_task("conformance", behaviours="multi_turn", **images), name="evals_conformance")
    (log,) = run(made, tmp_path)
    assert grades(log) == [1.0]


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, with all agents, are for `python evals/fault_matrix.py`: here those that take little."""
    monkeypatch.syspath_prepend(EVALS)
    matrix = importlib.import_module("fault_matrix")
    asked = {"agent": "codex_cli", "faults": FAULTS}
    (log,) = run(TASKS["faults"], tmp_path, task_args=asked, sandbox=lean(), max_samples=6)
    found = matrix.cells(log)
    assert {cell.fault: cell.wrong for cell in found if cell.wrong} == {}
    assert {cell.fault for cell in found} == {*FAULTS}


def a_task(name: str, **arguments: str) -> Task:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EVALS)
        made = runpy.run_path(str(EVALS / f"{name}.py"))[name](**arguments)
    assert isinstance(made, Task)
    return made


def test_swe_task_by_agents_of_all_dialects(tmp_path: Path) -> None:
    keys = ["claude_code", "codex_cli", "gemini_cli", "mini_swe_agent"]
    logs = run([a_task("swe_task", agent=key) for key in keys], tmp_path, "scripted/swe_task", sandbox=lean())
    assert [agents(sample) for log in logs for sample in log.samples or []] == [[key] for key in keys]
    assert [grades(log) for log in logs] == [[1.0]] * len(keys)


def test_swe_task_undone(tmp_path: Path) -> None:
    """The model that is named wins over the task's own."""
    register_script("nothing", [finish("There is nothing to do.")])
    (log,) = run(TASKS["swe_task"], tmp_path, "scripted/nothing", sandbox=lean())
    assert log.eval.model == "scripted/nothing" and grades(log) == [0.0]


def test_from_the_command_line(tmp_path: Path) -> None:
    """As the documents say, in the evals' own containers: one has its CLI copied, the other has two mounted."""
    evals = ["evals/hello.py", "evals/handoff.py@handed_over"]
    inspect = [str(Path(sys.executable).parent / "inspect"), "eval", *evals, "--log-dir", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if name != "INSPECT_EVAL_MODEL"}
    done = subprocess.run(
        [*inspect, "--max-tasks", "2"], cwd=EVALS.parent, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    logs = {log.eval.task: log for log in map(read_eval_log, list_eval_logs(str(tmp_path)))}
    assert {task: grades(log) for task, log in logs.items()} == {"hello": [1.0], "handed_over": [1.0]}
    sources = [data["source"] for log in logs.values() for sample in log.samples or [] for data in told(sample)]
    assert sorted(sources) == ["cache", "mount", "mount"]
