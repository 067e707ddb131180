"""Results, judges, selection and stages: the examples of the manual, by three of the CLIs, all in one eval."""

from __future__ import annotations

import functools
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from inspect_ai import Epochs, eval, task_with
from inspect_ai.event import ScoreEvent, SpanBeginEvent
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.util import SandboxEnvironmentSpec

from inspect_swe import SweResult, SweVerify, claude_code, codex_cli, opencode, output_files, result_of
from inspect_swe.testing import ScriptedRequest, Step, finish, register_script, say, scripted, shell, write_result

from ..docs.pages import DOCS, save_files
from .harness import compose_file, mounts

AGENTS: dict[str, Callable[..., Any]] = {"claude_code": claude_code, "codex_cli": codex_cli, "opencode": opencode}
OTHERS = {"claude_code": "codex_cli", "codex_cli": "opencode", "opencode": "claude_code"}
PAGES = ("validated-results.md", "judges.md", "map-filter-reduce.md")
REPAIR = "printf 'def half(x):\\n    return x / 2\\n' > calc.py"


def play(request: ScriptedRequest) -> Step:
    """What the model does in any of the samples: it looks at what it was asked last, and at what it has done since."""
    asked = "\n".join(message.text for message in request.messages if message.role == "user")
    worked = next((m.role == "tool" for m in reversed(request.messages) if m.role in ("tool", "assistant")), False)
    if "An agent worked on the task below" in asked:  # the judge; it says what it found
        passed = "Now I have." in asked
        done = write_result({"passed": passed, "feedback": "Fine." if passed else "THERE-IS-NO-TEST"})
        return finish("I looked.")(request) if worked else shell(f"touch judged.txt; {command_of(done(request))}")
    if "Look for bugs here." in asked:
        right = "findings[0].line" in asked
        findings = [{"file": "calc.py", "line": 1 if right else "one", "severity": "high"}]
        return finish("There is a bug.")(request) if worked else write_result({"findings": findings})(request)
    if "Fix half()." in asked:
        again = "THERE-IS-NO-TEST" in asked
        if worked:
            return finish("Now I have." if again else "I have mended it.")(request)
        return shell("echo ok > test_calc.py; ls" if again else REPAIR)
    if "How many prime numbers" in asked:
        return finish(next(_answers[tuple(request.tool_names)]))(request)
    if "Write one plan" in asked:
        return finish("Merged.")(request) if worked else shell("mkdir -p out; cat in/*/out/advice.md > out/plan.md")
    assert "Read in/report.txt." in asked
    results = [message.text for message in request.messages if message.role == "tool"]
    if not results:
        return shell("mkdir -p out; (echo About; cat in/report.txt) > out/advice.md; cat in/report.txt")
    if len(results) == 1:
        return write_result({"severity": "minor" if "spelt" in results[0] else "critical"})(request)
    return finish("Rated.")(request)


def command_of(step: Step) -> str:
    assert not callable(step) and hasattr(step, "command")
    return str(step.command)


# Of each CLI, which its tools tell, the first epoch is wrong and the second one right.
_answers: dict[tuple[str, ...], Iterator[str]] = defaultdict(lambda: iter(["There are 169.", "There are 168."]))


def grade(request: ScriptedRequest) -> Step:
    """The model that judges an answer."""
    return say(f"GRADE: {'C' if 'There are 168.' in request.messages[-1].text else 'I'}")


def compare(request: ScriptedRequest) -> Step:
    """The model that compares answers."""
    lines = request.messages[-1].text.splitlines()
    return say(next(line.partition(":")[0] for line in lines if "168" in line))


@functools.cache
def pages() -> Path:
    folder = Path(tempfile.mkdtemp())
    for page in PAGES:
        save_files(DOCS / "guides" / page, folder)
    return folder


def module(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pages()))
        return __import__(name)


def tasks(agent: str, sandbox: SandboxEnvironmentSpec) -> list[Any]:
    """The tasks of the pages, by one of the CLIs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("bugs", "reviewed", "candidates", "stages", "pipeline"):
            for own in ("claude_code", "codex_cli"):
                if hasattr(module(name), own):
                    patch.setattr(module(name), own, AGENTS[agent])
        patch.setattr(module("reviewed"), "codex_cli", AGENTS[OTHERS[agent]])
        epochs = Epochs(2, module("candidates").candidates().epochs_reducer)
        made = [
            module("bugs").find_bugs(),
            module("reviewed").reviewed(),
            task_with(module("candidates").candidates(judge="scripted/e2e-grade"), epochs=epochs),
            module("pipeline").pipeline(),
        ]
        return [task_with(each, name=f"{each.name}-{agent}", sandbox=sandbox) for each in made]


@functools.cache
def logs() -> dict[str, EvalLog]:
    """The log of every example and CLI. Its containers have all three."""
    register_script("e2e-grade", [grade] * 99)
    register_script("e2e-compare", [compare] * 99)
    folder = Path(tempfile.mkdtemp())
    volumes = {str(volume): volume for key in AGENTS for volume in mounts(key, "auto")}
    sandbox = SandboxEnvironmentSpec("lean_test", compose_file(folder, volumes=[*volumes.values()]))
    found = eval(
        [task for agent in AGENTS for task in tasks(agent, sandbox)],
        model=scripted([play] * 99),
        log_dir=str(folder / "logs"),
        display="none",
        max_tasks=12,
        max_samples=1,
        max_sandboxes=4,
        time_limit=300,
    )
    return {log.eval.task: log for log in found}


def log_of(task: str, agent: str) -> EvalLog:
    log = logs()[f"{task}-{agent}"]
    assert log.status == "success", log.error
    assert all(sample.error is None for sample in log.samples or [])
    return log


def samples(task: str, agent: str) -> list[EvalSample]:
    return log_of(task, agent).samples or []


def spans(sample: EvalSample, kind: str) -> list[str]:
    return [event.name for event in sample.events if isinstance(event, SpanBeginEvent) and event.type == kind]


each_agent = pytest.mark.parametrize("agent", AGENTS)


@each_agent
def test_a_result_is_data(agent: str) -> None:
    (sample,) = samples("find_bugs", agent)
    report = result_of(sample, module("bugs").Report)
    assert report is not None and report.findings[0].file == "calc.py"
    assert sample.output.completion == '{"findings":[{"file":"calc.py","line":1,"severity":"high"}]}'
    assert spans(sample, "attempt") == ["attempt 1", "correction 1"] and sample.store_as(SweResult).tries == 2
    assert sample.scores and sample.scores["found_bug"].value == 1


@each_agent
def test_another_agent_judges(agent: str) -> None:
    (sample,) = samples("reviewed", agent)
    said = sample.store_as(SweVerify)
    assert (said.passed, said.attempts, said.feedback) == (True, 2, ["THERE-IS-NO-TEST", "Fine."])
    ran = [event.data for event in sample.events if event.event == "info" and isinstance(event.data, dict)]
    assert [data["agent"] for data in ran if "command" in data] == [agent, OTHERS[agent]] * 2
    asked = [message.text for message in sample.messages if message.role == "user"]
    assert sum("THERE-IS-NO-TEST" in text for text in asked) == 1 and sum("Fix half()" in text for text in asked) == 1
    results = [message.text for message in sample.messages if message.role == "tool"]
    assert "test_calc.py" in results[-1] and "judged.txt" not in results[-1], "what the judge has changed is undone"
    scored = [event.scorer for event in sample.events if isinstance(event, ScoreEvent)]
    assert scored == ["verify", "verify", "hidden_tests"] and spans(sample, "verify") == ["verify 1", "verify 2"]
    assert sample.scores and sample.scores["hidden_tests"].value == 1


@each_agent
def test_the_best_epoch_counts(agent: str) -> None:
    log = log_of("candidates", agent)
    assert log.results
    found = {score.reducer: score.metrics["accuracy"].value for score in log.results.scores}
    rated = [(sample.scores or {})["with_judge"] for sample in log.samples or []]
    assert [(score.value, (score.metadata or {})["judge"]) for score in rated] == [("I", 0.0), ("C", 1.0)]
    assert found == {"mean": 0.5, "max": 1.0, "inspect_swe/best_by": 1.0}
    chosen = module("compared").choose(log.location, "scripted/e2e-compare")
    picked = [(sample.scores or {})["pick"] for sample in chosen.samples]
    assert [(score.value, score.metadata) for score in picked] == [(1.0, {"epoch": 2})] * 2


@each_agent
def test_stages(agent: str) -> None:
    found = {str(sample.id): sample for sample in samples("pipeline", agent)}
    assert found.keys() == {"disk", "typo", "reduce"}
    rating = module("stages").Rating
    assert {name: result.severity for name in found if (result := result_of(found[name], rating))} == {
        "disk": "critical",
        "typo": "minor",
    }
    plan = output_files(found["reduce"])["out/plan.md"].text
    assert plan == "About\nThe disk is full."
    assert all(sample.scores and sample.scores["has_written"].value for sample in found.values())
    merged = module("stages").merge(log_of("pipeline", agent).location).dataset[0]
    assert set(merged.files) == {"in/disk/out/advice.md"}
