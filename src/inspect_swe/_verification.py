"""Agents whose work is reviewed, and retried until the reviewer accepts it."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import copy
from itertools import count
from typing import cast

from inspect_ai.agent import Agent, AgentState, agent, run
from inspect_ai.event import ScoreEvent
from inspect_ai.model import ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, value_to_float
from inspect_ai.solver import TaskState
from inspect_ai.util import Limit, Store, StoreModel, apply_limits, registry_info, span, store, store_as, subtask
from pydantic import BaseModel, Field

from ._contract.parameters import checked_parameters
from ._contract.result_specs import ResultSpec
from ._errors import AgentError, AgentOptionError
from ._inspect.private import agent_arguments, sample_state
from ._inspect.transcript import record
from ._runtime.agent import with_result
from ._runtime.checks import result_of
from ._sandbox.snapshot import snapshot

logger = logging.getLogger(__name__)

Judge = Callable[[AgentState], Awaitable[Score]]
"""A function that reviews an agent's work. A score of 1.0 accepts it; any other score's explanation is the feedback."""

_NO_FEEDBACK = "A reviewer did not accept your work but gave no details. Check it against the task and correct it."

_REVIEW = """An agent worked on the task below in this sandbox. Review its work. It passes if it meets these criteria:

{criteria}

Inspect the work itself and test it where you can. Don't rely on the agent's own claims. Don't change any files.

The agent's task:

<task>
{task}
</task>

The agent's final answer:

<answer>
{answer}
</answer>"""


class SweVerify(StoreModel):
    """The reviews of `verified()`, in the sample's store.

    Attributes:
        passed: Whether the last review accepted the work.
        attempts: Number of attempts.
        feedback: Feedback on each attempt, in order.
    """

    passed: bool = False
    attempts: int = 0
    feedback: list[str] = Field(default_factory=list)


class Review(BaseModel):
    """The review of a judging agent."""

    passed: bool
    feedback: str = Field(
        description="What is wrong with the work and must be fixed. The agent receives this text unchanged."
    )


@agent
@checked_parameters
def verified(agent: Agent, judge: Judge | Scorer, *, attempts: int = 3, limits: Sequence[Limit] = ()) -> Agent:
    """Return an agent whose work is reviewed by a judge, and that is called again with the feedback until it passes.

    The task's own scorers are not involved: they run at the end in any case. The reviews are in the sample's store,
    as `SweVerify`.

    Args:
        agent: Agent that does the work. It is called again on its own state and resumes its session.
        judge: A function that takes the agent's state and returns a `Score`, a scorer, or `agent_judge()`. A value
            of 1.0 passes; any other score's explanation is the feedback. The judge reads the sample's store, but its
            changes to the store are discarded.
        attempts: Maximum number of attempts.
        limits: Limits of each review. Exceeding one is an error of the sample.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: `attempts` is less than 1.

    Examples:
        ```python
        from inspect_ai.agent import AgentState
        from inspect_ai.scorer import Score
        from inspect_ai.util import sandbox

        from inspect_swe import claude_code, verified


        async def tests_pass(state: AgentState) -> Score:
            done = await sandbox().exec(["python3", "-m", "pytest", "-q"])
            return Score(value=done.success, explanation=done.stdout)


        agent = verified(claude_code(), tests_pass, attempts=3)
        ```
    """
    if attempts < 1:
        raise AgentOptionError(f"attempts must be at least 1, not {attempts}.")
    name = agent_arguments(agent)[0].rpartition("/")[2]

    async def execute(state: AgentState) -> AgentState:
        reviews = store_as(SweVerify)
        reviews.passed, reviews.attempts, reviews.feedback = False, 0, []
        for attempt in count(1):
            async with span(name, type="agent"):
                state = await agent(state)
            async with span(f"verify {attempt}", type="verify"):
                score = await _review(judge, state, limits)
                record(ScoreEvent(score=score, intermediate=True, scorer="verify"))
            reviews.passed, reviews.attempts = value_to_float()(score.value) >= 1, attempt
            reviews.feedback = [*reviews.feedback, score.explanation or ""]
            if reviews.passed or attempt == attempts:
                break
            state.messages.append(ChatMessageUser(content=score.explanation or _NO_FEEDBACK))
        return state

    return execute


async def _review(judge: Judge | Scorer, state: AgentState, limits: Sequence[Limit]) -> Score:
    """Return a review. The judge gets a copy of the store, so that it cannot overwrite the agent's results."""

    @subtask(name="judge", input={}, store=Store(dict(store().items())))
    async def judgement() -> Score | None:
        return await _call_judge(judge, state)

    # A limit object works only once.
    with apply_limits([copy(limit) for limit in limits], catch_errors=True) as scope:
        score = cast("Score | None", await judgement())
    if scope.limit_error is not None:
        raise AgentError(
            f"The judge exceeded a limit: {scope.limit_error.message}",
            hint="set a higher one in the `limits` of verified().",
        )
    if score is None or (isinstance(score.value, float) and math.isnan(score.value)):
        why = score.explanation if score is not None else None
        raise AgentError(f"The judge returned no score{f': {why}' if why else '.'}")
    return score


async def _call_judge(judge: Judge | Scorer, state: AgentState) -> Score | None:
    if not _is_scorer(judge):
        return await cast(Judge, judge)(state)
    scored = copy(_sample())
    scored.messages, scored.output = state.messages, state.output
    return await cast(Scorer, judge)(scored, scored.target)


def _sample() -> TaskState:
    state = sample_state()
    if state is None:
        raise AgentError("No sample is running.", hint="run verified() in an eval.")
    return state


def _is_scorer(judge: Judge | Scorer) -> bool:
    try:
        return registry_info(judge).type == "scorer"
    except ValueError:
        return False


def agent_judge(agent: Agent, criteria: str) -> Judge:
    """Return a judge for `verified()`: an agent of this package that reviews the work in the same sandbox.

    Args:
        agent: Agent that judges, each time in a new session; its changes to the sandbox's working directory are undone.
            Its prompt contains the sample's input, the final answer and the criteria.
        criteria: Conditions that the work must meet.

    Returns:
        The judge. It accepts the work or returns feedback.

    Raises:
        AgentOptionError: The agent is not a headless agent of this package, or has several attempts.

    Examples:
        ```python
        from inspect_swe import agent_judge, claude_code, codex_cli, verified

        agent = verified(claude_code(), agent_judge(codex_cli(), "Every new function has a test."))
        ```
    """
    judging = with_result(agent, ResultSpec(Review))

    async def judge(state: AgentState) -> Score:
        prompt = _REVIEW.format(criteria=criteria, task=_sample().input_text, answer=state.output.completion)
        async with _undoing_changes():
            await run(judging, prompt)
        review = result_of(store(), Review)
        if review is None:
            return Score.unscored(explanation=f"{agent_arguments(agent)[0]} returned no valid review.")
        return Score(value=CORRECT if review.passed else INCORRECT, explanation=review.feedback)

    return judge


@contextlib.asynccontextmanager
async def _undoing_changes() -> AsyncIterator[None]:
    """Undo changes to the sandbox's working directory, if possible."""
    try:
        before = await snapshot()
    except AgentError as error:
        logger.warning("The judge's changes to the sandbox will not be undone: %s", error.summary)
        yield
        return
    try:
        yield
        await before.restore()
    finally:
        await before.close()
