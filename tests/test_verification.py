"""Work that is judged and done again, by a real agent in the local sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai import Task, eval
from inspect_ai.agent import Agent, AgentState, as_solver, react
from inspect_ai.dataset import Sample
from inspect_ai.event import ModelEvent, ScoreEvent, SpanBeginEvent
from inspect_ai.log import EvalSample, read_eval_log
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import store, time_limit
from pydantic import BaseModel

from inspect_swe import AgentOptionError, SweResult, SweVerify, agent_judge, claude_code, result_of, verified
from inspect_swe.testing import ScriptedRequest, ScriptStep, Step, finish, refuse, scripted, write_result

from .fakes.outside_agent import outside_agent


class Answer(BaseModel):
    number: int


@scorer(metrics=[accuracy()])
def hidden() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=INCORRECT, answer=state.output.completion)

    return score


@scorer(metrics=[accuracy()])
def right(explained: bool = True) -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        good = target.text in state.output.completion
        return Score(value=CORRECT if good else INCORRECT, explanation="LOOK-AGAIN" if explained else None)

    return score


def run(folder: Path, script: Sequence[ScriptStep], made: Agent) -> EvalSample:
    task = Task(
        dataset=[Sample(input="THE-TASK {braces}", target="seven")],
        solver=as_solver(made),
        scorer=hidden(),
        sandbox="local",
    )
    (log,) = eval(task, model=scripted(script), display="none", log_dir=str(folder), fail_on_error=False)
    samples = read_eval_log(log.location, resolve_attachments=True).samples
    assert samples
    return samples[0]


def names(sample: EvalSample, *kinds: str) -> list[str]:
    return [event.name for event in sample.events if isinstance(event, SpanBeginEvent) and event.type in kinds]


def scores(sample: EvalSample) -> list[tuple[str | None, Any]]:
    return [(event.scorer, event.score.value) for event in sample.events if isinstance(event, ScoreEvent)]


def said(sample: EvalSample) -> tuple[bool, int, list[str]]:
    found = sample.store_as(SweVerify)
    return found.passed, found.attempts, found.feedback


async def by_hand(state: AgentState) -> Score:
    good = "seven" in state.output.completion
    store().set("mine", "the judge's own")
    return Score(value=float(good), explanation=None if good else "NOT-SEVEN {yet}")


@pytest.mark.parametrize("judge", [by_hand, right(), right(explained=False)])
def test_it_goes_on_with_what_the_judge_says(tmp_path: Path, judge: Any) -> None:
    sample = run(tmp_path, [finish("It is six."), finish("It is seven.")], verified(outside_agent(), judge))
    assert sample.error is None, sample.error
    passed, attempts, feedback = said(sample)
    assert passed and attempts == 2 and len(feedback) == 2
    asked = [message.text for message in sample.messages if message.role == "user"]
    told = feedback[0] or "A reviewer did not accept your work but gave no details."
    assert len(asked) == 2 and asked[1].startswith(told)
    assert names(sample, "verify") == ["verify 1", "verify 2"] and "judge" in names(sample, "subtask")
    assert [value for name, value in scores(sample) if name == "verify"][1] in (1.0, CORRECT)
    assert scores(sample)[-1] == ("hidden", INCORRECT) and len(scores(sample)) == 3
    assert sample.output.completion == "It is seven." and "mine" not in sample.store


def test_what_never_passes_is_scored_as_it_is(tmp_path: Path) -> None:
    script = [finish("One."), finish("Two.")]
    sample = run(tmp_path, script, verified(outside_agent(), by_hand, attempts=2))
    assert sample.error is None and said(sample) == (False, 2, ["NOT-SEVEN {yet}"] * 2)
    assert sample.output.completion == "Two." and scores(sample)[-1] == ("hidden", INCORRECT)


def test_it_composes_with_attempts_and_results(tmp_path: Path) -> None:
    """Each time the agent works, the task's scorers give it a second attempt; the judge looks at its result."""

    async def is_seven(state: AgentState) -> Score:
        return Score(value=float(result_of(store(), Answer) == Answer(number=7)), explanation="NOT-SEVEN")

    made = verified(outside_agent(response_schema=Answer, attempts=2), is_seven, attempts=2)
    steps = [(write_result({"number": n}), finish(str(n))) for n in (5, 6, 8, 7)]
    sample = run(tmp_path, [step for pair in steps for step in pair], made)
    assert sample.error is None, sample.error
    assert [name for name, _ in scores(sample)] == ["hidden", "verify", "hidden", "verify", "hidden"]
    assert said(sample) == (True, 2, ["NOT-SEVEN", "NOT-SEVEN"]) and result_of(sample, Answer) == Answer(number=7)


def reviewed(request: ScriptedRequest) -> Step:
    """Whoever reviews wants a seven, and whoever works adds one when they are told so."""
    asked = [message.text for message in request.messages if message.role == "user"]
    done = request.messages[-1].role == "tool"
    if asked[0].startswith("An agent worked on the task below"):
        passed = '{"number":7}' in asked[0]
        write = write_result({"passed": passed, "feedback": "Fine." if passed else "ADD-ONE"})
    else:
        write = write_result({"number": 7 if "ADD-ONE" in asked[-1] else 6})
    return finish("I am done.")(request) if done else write(request)


def test_an_agent_judges_in_a_session_of_its_own(tmp_path: Path) -> None:
    judge = agent_judge(outside_agent(name="Reviewer"), "It is {seven}.")
    sample = run(tmp_path, [reviewed] * 8, verified(outside_agent(response_schema=Answer), judge))
    assert sample.error is None, sample.error
    assert said(sample) == (True, 2, ["ADD-ONE", "Fine."])
    assert result_of(sample, Answer) == Answer(number=7) and sample.store_as(SweResult).tries == 1
    prompts = [event.input[-1].text for event in sample.events if isinstance(event, ModelEvent)]
    asked = [text for text in prompts if text.startswith("An agent worked on the task below")]
    assert len(asked) == 2 and all("It is {seven}." in text and "THE-TASK {braces}" in text for text in asked)
    assert '{"number":6}' in asked[0] and '{"number":7}' in asked[1] and "ADD-ONE" not in asked[1]
    assert not any("An agent worked on" in message.text for message in sample.messages)


async def broken(state: AgentState) -> Score:
    raise ZeroDivisionError("the judge's own")


async def slow(state: AgentState) -> Score:
    await anyio.sleep(30)
    return Score(value=1)


async def silent(state: AgentState) -> Score:
    return Score.unscored(explanation="I CANNOT SAY")


@pytest.mark.parametrize(
    ("judge", "error"),
    [
        (broken, "the judge's own"),
        (silent, "The judge returned no score: I CANNOT SAY"),
        (slow, "The judge exceeded a limit"),
        (agent_judge(outside_agent(), "It is seven."), "The judge returned no score: outside_agent returned no"),
    ],
)
def test_a_judge_that_fails_is_an_error_of_the_sample(tmp_path: Path, judge: Any, error: str) -> None:
    made = verified(outside_agent(), judge, limits=[time_limit(10 if judge is not slow else 1)])
    sample = run(tmp_path, [finish("It is six."), refuse("No.")], made)
    assert sample.error and error in sample.error.message
    assert not said(sample)[0]


@pytest.mark.parametrize("made", [react(), claude_code(attempts=2), claude_code(centaur=True)])
def test_who_cannot_judge(made: Agent) -> None:
    with pytest.raises(AgentOptionError, match="cannot produce a validated result"):
        agent_judge(made, "All is well.")


def test_bad_attempts() -> None:
    with pytest.raises(AgentOptionError, match="at least 1"):
        verified(claude_code(), by_hand, attempts=0)
