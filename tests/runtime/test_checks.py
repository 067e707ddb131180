"""Validated results, by a real agent in the local sandbox: what it writes is not trusted."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.agent import Agent, AgentAttempts, AgentState, agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.event import InfoEvent, SpanBeginEvent
from inspect_ai.log import EvalSample, read_eval_log
from inspect_ai.model import ChatMessageUser, ResponseSchema
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import json_schema, store
from pydantic import BaseModel, ValidationError

from inspect_swe import ResultSpec, SweResult, result_of
from inspect_swe._runtime import checks
from inspect_swe._sandbox import read_files as reading
from inspect_swe.testing import (
    DynamicStep,
    ScriptedRequest,
    ScriptStep,
    Shell,
    Step,
    finish,
    refuse,
    scripted,
    shell,
    write_result,
)

from ..fakes.outside_agent import outside_agent


class Answer(BaseModel):
    number: int
    words: list[str] = []


class Other(BaseModel):
    text: str


RIGHT = {"number": 7}


@scorer(metrics=[accuracy()])
def is_seven() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        result = result_of(state, Answer)
        if result is None:
            return Score(value=0, explanation=state.store_as(SweResult).error)
        return Score(value=int(result.number == 7), answer=state.output.completion)

    return score


def run(folder: Path, script: Sequence[ScriptStep], made: Agent | None = None, **options: Any) -> EvalSample:
    """One sample's log, as it is read from disk."""
    model = scripted(script)
    task = Task(
        dataset=[Sample(input="THE-TASK")],
        solver=as_solver(made or outside_agent(**options)),
        scorer=is_seven(),
        sandbox="local",
    )
    (log,) = eval(task, model=model, display="none", log_dir=str(folder), fail_on_error=False)
    samples = read_eval_log(log.location, resolve_attachments=True).samples
    assert samples
    return samples[0]


def in_place(command: str) -> DynamicStep:
    """Do something at the place of the result, which is $f."""

    def step(request: ScriptedRequest) -> Step:
        written = write_result("")(request)
        assert isinstance(written, Shell)
        path = written.command.rpartition(" > ")[2]
        return shell(f"f={path}; rm -rf $f; {command}")

    return step


def tries(sample: EvalSample) -> list[list[str]]:
    """The problems of each try."""
    told = [event.data for event in sample.events if isinstance(event, InfoEvent)]
    return [data["problems"] for data in told if isinstance(data, dict) and data.get("event") == "result"]  # type: ignore[misc]


def spans(sample: EvalSample) -> list[str]:
    return [event.name for event in sample.events if isinstance(event, SpanBeginEvent) and event.type == "attempt"]


def grade(sample: EvalSample) -> Score:
    assert sample.error is None, sample.error
    return (sample.scores or {})["is_seven"]


MISSING = "the file does not exist, or is not a regular file"
HOSTILE = {
    "true": MISSING,
    "mkdir $f": MISSING,
    "mkfifo $f": MISSING,
    "ln -s /dev/zero $f": MISSING,
    "echo '{\"number\": 7}' > $f.real; ln -s $f.real $f": MISSING,
    "head -c 1048577 /dev/zero > $f": "the file is larger than 1 MiB",
    "truncate -s 1T $f": "the file is larger than 1 MiB",
    "(while [ -e $f ]; do head -c 4096 /dev/zero; sleep 0.01; done) >> $f 2>&1 & sleep 0.2": "it is",
    'printf \'{"number": 7, "words": ["\\\\ud800"]}\' > $f': "it is not valid JSON",
    "printf '\\377\\376' > $f": "it is not valid JSON",
}


def test_a_result_that_is_not_json_is_reported(tmp_path: Path) -> None:
    script = [step for command in HOSTILE for step in (in_place(command), finish("Done."))]
    spec = ResultSpec(Answer, retries=len(HOSTILE))
    sample = run(tmp_path, [*script, in_place("printf '{\"number\": 7}' > $f"), finish("Done.")], response_schema=spec)
    found = tries(sample)
    assert [len(problems) for problems in found] == [1] * len(HOSTILE) + [0]
    for (problem,), expected in zip(found, HOSTILE.values(), strict=False):
        assert expected in problem
    assert grade(sample).value == 1
    assert spans(sample) == ["attempt 1", *(f"correction {n + 1}" for n in range(len(HOSTILE)))]


def test_a_read_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the file had become a FIFO after it was looked at."""
    monkeypatch.setattr(reading, "_SCRIPT", 'shift 3; exec cat "$1"')
    monkeypatch.setattr(checks, "_TIMEOUT", 1)
    spec = ResultSpec(Answer, retries=0)
    sample = run(tmp_path, [in_place("mkfifo $f; echo $f"), finish("Done.")], response_schema=spec)
    assert tries(sample) == [["the file could not be read within 1 seconds"]]
    (path,) = [message.text.strip() for message in sample.messages if message.role == "tool"]
    assert grade(sample).explanation == "the file could not be read within 1 seconds"
    assert subprocess.run(["pgrep", "-f", f"cat {path}"], check=False).returncode == 1


SCHEMAS = [
    Answer,
    ResultSpec(Answer, instructions="SAY-A-NUMBER"),
    ResponseSchema(name="answer", json_schema=json_schema(Answer)),
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_result_is_data_in_the_log_and_the_output(tmp_path: Path, schema: Any) -> None:
    sample = run(tmp_path, [write_result(RIGHT), finish("It is seven.")], response_schema=schema)
    assert grade(sample).value == 1 and grade(sample).answer == '{"number":7}'
    assert result_of(sample, Answer) == Answer(number=7)
    assert sample.output.completion == '{"number":7}'
    assert sample.messages[-1].text == "It is seven."
    assert sample.store["SweResult:raw"] == '{"number": 7}'
    assert spans(sample) == ["attempt 1"] and tries(sample) == [[]]
    assert ("SAY-A-NUMBER" in sample.messages[1].text) == isinstance(schema, ResultSpec)
    with pytest.raises(ValidationError):
        result_of(sample, Other)


def test_what_never_becomes_right_is_no_error(tmp_path: Path) -> None:
    script = [write_result({"number": "x"}), finish("One."), finish("Two."), finish("Three.")]
    sample = run(tmp_path, script, response_schema=Answer)
    assert len(tries(sample)) == 3
    assert result_of(sample, Answer) is None
    assert grade(sample).value == 0 and "`number`: must be a valid integer" in str(grade(sample).explanation)
    assert sample.output.completion == "Three."
    assert sample.store["SweResult:raw"] == '{"number": "x"}'


def test_corrections_come_before_the_score_and_each_has_its_own_number(tmp_path: Path) -> None:
    script = [
        *(write_result("not JSON"), finish("One.")),
        *(write_result({"number": 6}), finish("Two.")),
        *(write_result({"number": "x"}), finish("Three.")),
        *(write_result(RIGHT), finish("Four.")),
    ]
    again = AgentAttempts(attempts=2, incorrect_message="WRONG-NUMBER")
    sample = run(tmp_path, script, response_schema=Answer, attempts=again)
    assert spans(sample) == ["attempt 1", "correction 1", "attempt 2", "correction 2"]
    scored = [event.score.value for event in sample.events if event.event == "score"]
    assert scored == [0, 1] and grade(sample).answer == '{"number":7}'
    assert sum("WRONG-NUMBER" in message.text for message in sample.messages) == 1


def test_a_refusal_is_not_asked_again(tmp_path: Path) -> None:
    sample = run(tmp_path, [refuse("No.")], response_schema=Answer)
    assert tries(sample) == [[MISSING]] and grade(sample).value == 0


@agent
def twice(first: Agent) -> Agent:
    """Calls an agent, and once more on its own state."""

    async def execute(state: AgentState) -> AgentState:
        state = await first(state)
        assert result_of(store(), Answer) == Answer(number=7)
        state.messages.append(ChatMessageUser(content="AND-NOW"))
        return await first(state)

    return execute


def test_what_an_earlier_call_has_left_does_not_count(tmp_path: Path) -> None:
    spec = ResultSpec(Answer, retries=0)
    script = [write_result(RIGHT), finish("One."), finish("Two.")]
    sample = run(tmp_path, script, twice(outside_agent(response_schema=spec)))
    assert result_of(sample, Answer) is None and grade(sample).explanation == MISSING
    asked = [message.text for message in sample.messages if message.role == "user"]
    assert [text.partition("\n")[0] for text in asked] == ["THE-TASK", "AND-NOW"]
    assert all(text.count("valid against this JSON schema") == 1 for text in asked)


def test_a_run_that_is_not_done_has_no_result(tmp_path: Path) -> None:
    def limited(request: ScriptedRequest) -> Step:
        raise RuntimeError("ends the sample")

    sample = run(tmp_path, [write_result(RIGHT), limited], response_schema=Answer)
    assert sample.error and result_of(sample, Answer) is None
    assert sample.store["SweResult:error"] == "The agent has not finished yet."
