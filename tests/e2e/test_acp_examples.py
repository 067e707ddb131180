"""The examples of the guide on interactive agents, as they stand there, with the real CLIs."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import Model
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Solver, TaskState

from inspect_swe.acp import ACPAgent, interactive_claude_code, interactive_codex_cli, interactive_gemini_cli
from inspect_swe.testing import ScriptStep, say, scripted, shell, wait

from .harness import Run, run_agent

GUIDE = Path(__file__).parents[2] / "docs/guides/interactive-agents.md"
MOUNTED: dict[str, Callable[..., ACPAgent]] = {
    "interactive_claude_code": interactive_claude_code,
    "interactive_codex_cli": interactive_codex_cli,
    "interactive_gemini_cli": interactive_gemini_cli,
}


def example(name: str) -> tuple[Any, str]:
    """A function of the guide, and the agent that it uses."""
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    block = next(block for block in blocks if f"def {name}(" in block)
    names: dict[str, Any] = {"__name__": f"guide_{name}"}
    exec(compile(block, f"{name}.py", "exec", dont_inherit=True), names)
    used = re.search(r"interactive_\w+", block)
    assert used
    return names[name], used[0]


@scorer(metrics=[accuracy()])
def last_answer() -> Scorer:
    """Reads what every scorer reads: the state's output, which is its last message."""

    async def score(state: TaskState, target: Target) -> Score:
        text = state.output.completion
        return Score(value=CORRECT if state.messages[-1].text == text else INCORRECT, answer=text)

    return score


def run_example(
    folder: Path, solver: Solver, agent: str, script: list[ScriptStep], roles: dict[str, Model] | None = None
) -> Run:
    run = run_agent(
        folder,
        MOUNTED[agent](),
        script,
        prompt="FIRST",
        solver=solver,
        scorer=last_answer(),
        evaluation={"model_roles": roles or {}},
    )
    assert run.error is None, run.error
    return run


def answers(run: Run) -> list[str]:
    """The answers that the sample's conversation has; the last one was scored."""
    texts = [message.text for message in run.sample.messages if message.role == "assistant"]
    (score,) = (run.sample.scores or {}).values()
    assert (score.value, score.answer) == (CORRECT, texts[-1])
    return texts


def said(run: Run) -> str:
    return "\n".join(message.text for message in run.requests[-1].messages)


def test_scripted_turns(tmp_path: Path) -> None:
    """Each of the turns is a prompt of the same conversation."""
    made, agent = example("scripted_turns")
    script: list[ScriptStep] = [say("one"), say("two"), say("three")]
    run = run_example(tmp_path, made(["SECOND", "THIRD"]), agent, script)
    assert [said(run).count(turn) for turn in ("FIRST", "SECOND", "THIRD")] == [1, 1, 1]
    assert answers(run) == ["one", "two", "three"]


def test_two_scripted_turns(tmp_path: Path) -> None:
    """Codex CLI asks for a title when the first turn has ended, and is answered in the second one or after it."""
    made, agent = example("scripted_turns")
    assert agent == "interactive_codex_cli"
    run = run_example(tmp_path, made(["SECOND"]), agent, [say("one"), wait(0.3, say("two"))])
    assert answers(run) == ["one", "two"]


def test_a_user_who_interrupts(tmp_path: Path) -> None:
    """The user's model objects to a command, which is ended, and says what to do instead."""
    made, agent = example("simulated_user")
    user = scripted([say("OBJECT"), say("Do it OTHERWISE."), say("fine"), say("DONE")])
    script: list[ScriptStep] = [shell("env sleep 61"), shell("touch /workspace/otherwise"), say("done")]
    run = run_example(tmp_path, made(), agent, script, {"user": user})
    assert said(run).count("OTHERWISE") == 1
    assert answers(run)[-1] == "done"


def test_a_person_at_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the person types is a prompt, and what they answer a permission; an empty line ends the session."""
    made, agent = example("at_the_terminal")
    monkeypatch.setattr("sys.stdin", io.StringIO("HELLO\ny\nAGAIN\nn\n\n"))
    script: list[ScriptStep] = [shell("touch /workspace/one"), say("one is there"), shell("touch /workspace/two")]
    run = run_agent(
        tmp_path, MOUNTED[agent](), [*script, say("two is not"), say("well")], solver=made(), show="ls /workspace"
    )
    assert run.seen.split() == ["one"]
    texts = [message.text for message in run.sample.messages if message.role == "assistant"]
    assert texts[1] == "one is there" and texts[-1] == run.sample.output.completion
    shown = capsys.readouterr().out
    assert "one is there" in shown
    assert "touch /workspace/two" in shown
