"""Scripted models in real evals: samples, epochs, agents, limits."""

from __future__ import annotations

import gc

import anyio
from inspect_ai.agent import as_solver, react
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, get_model
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
from inspect_ai.tool import Tool, ToolDef, tool
from inspect_ai.util import store

from inspect_swe.testing import (
    ScriptedModel,
    ScriptedRequest,
    Step,
    call,
    cut,
    fail,
    refuse,
    say,
    scripted,
    scripted_requests,
    wait,
)

from .conftest import RunEval


@solver
def three_turns() -> Solver:
    """Three requests, the middle one from a task of its own, as a bridge's handlers make them."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        answers: list[str] = []

        async def ask() -> None:
            answers.append((await get_model().generate([ChatMessageUser(content=state.input_text)])).completion)

        await ask()
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
        await ask()
        state.metadata["answers"] = answers
        return state

    return solve


def test_each_sample_and_epoch_plays_from_the_start(run_eval: RunEval) -> None:
    model = scripted([wait(0.01), say("one"), wait(0.01, then=say("two")), say("three")])
    log = run_eval(three_turns(), model, samples=8, epochs=2, max_samples=16, max_connections=16)
    assert log.status == "success", log.error
    assert log.samples is not None and len(log.samples) == 16
    for sample in log.samples:
        assert sample.metadata["answers"] == ["one", "two", "three"]
        assert sample.store == {}
        assert not [event for event in sample.events if event.event == "store"]

    requests = scripted_requests(model)
    assert len(requests) == 48
    by_sample = {number: [r.index for r in requests if r.sample == number] for number in range(16)}
    assert all(indexes == [0, 1, 2] for indexes in by_sample.values())
    assert len({r.messages[0].text for r in requests}) == 8
    # The samples did run side by side, or this would prove nothing.
    assert [r.sample for r in requests] != sorted(r.sample for r in requests)


def test_progress_is_dropped_with_the_sample(run_eval: RunEval) -> None:
    model = scripted([say("a")])
    log = run_eval(generate(), model, samples=4)
    del log
    gc.collect()
    assert isinstance(model.api, ScriptedModel)
    assert len(model.api._plays) <= 1


def test_a_retried_sample_plays_from_the_start(run_eval: RunEval) -> None:
    attempts: list[int] = []

    def first_time_only(request: ScriptedRequest) -> Step:
        attempts.append(request.sample)
        return fail(500, "first time") if len(attempts) == 1 else say("second time")

    log = run_eval(generate(), scripted([first_time_only]), retry_on_error=1)
    assert log.status == "success", log.error
    assert log.samples and log.samples[0].output.completion == "second time"
    assert attempts == [0, 1]


@tool
def add() -> Tool:
    async def execute(a: int, b: int) -> str:
        """Add two numbers.

        Args:
            a: One number.
            b: Another number.
        """
        store().set("sum", a + b)
        return str(a + b)

    return execute


def test_react_agent(run_eval: RunEval) -> None:
    def read_sum(request: ScriptedRequest) -> Step:
        return call("submit", answer=f"The sum is {request.messages[-1].text}")

    model = scripted([call("calc/add", a=2, b=3), read_sum])
    agent = react(tools=[ToolDef(add(), name="calc_add")])
    log = run_eval(as_solver(agent), model, samples=2, message_limit=20)
    assert log.status == "success", log.error
    for sample in log.samples or []:
        assert "The sum is 5" in sample.output.completion
        assert sample.store == {"sum": 5}
        usage = sample.model_usage["scripted/script"]
        assert usage.input_tokens > 0 and usage.output_tokens > 0


def test_refusal_in_the_log(run_eval: RunEval) -> None:
    log = run_eval(generate(), scripted([refuse("No.")]))
    assert log.samples and log.samples[0].output.stop_reason == "content_filter"


def test_cut_answers_in_the_log(run_eval: RunEval) -> None:
    log = run_eval(generate(), scripted([cut("Half of", stop_reason="model_length")]))
    assert log.samples and log.samples[0].output.stop_reason == "model_length"
    model = scripted([cut("I will", call("calc/add", a=1, b=2), call("calc/add", a=2, b=3)), say("Done.")])
    log = run_eval(as_solver(react(tools=[ToolDef(add(), name="calc_add")], submit=False)), model)
    assert log.samples and log.samples[0].error is None
    first = next(message for message in log.samples[0].messages if isinstance(message, ChatMessageAssistant))
    whole, half = first.tool_calls or []
    assert whole.arguments == {"a": 1, "b": 2} and whole.parse_error is None
    assert half.arguments == {} and half.parse_error
    assert log.samples[0].store == {"sum": 3}


def test_failure_fails_the_sample(run_eval: RunEval) -> None:
    model = scripted([fail(529, "overloaded")])
    log = run_eval(generate(), model)
    assert log.status == "error"
    assert log.error is not None and "overloaded" in log.error.message
    assert len(scripted_requests(model)) == 1


def test_token_limit_sees_the_usage(run_eval: RunEval) -> None:
    log = run_eval(three_turns(), scripted([say("x" * 400)]), token_limit=150)
    assert log.samples and log.samples[0].limit is not None
    assert log.samples[0].limit.type == "token"
