"""Checks of a finished turn: the agent is done, or resumes its session with feedback."""

from __future__ import annotations

import inspect
import json
import secrets
from typing import Any, NamedTuple, Protocol, TypeVar

import anyio
from inspect_ai.agent import AgentAttempts
from inspect_ai.event import InfoEvent
from inspect_ai.log import EvalSample
from inspect_ai.scorer import score
from inspect_ai.solver import TaskState
from inspect_ai.util import Store, StoreModel, store_as
from pydantic import BaseModel, JsonValue

from .._contract.result_specs import ResultSpec
from .._contract.schema import Schema, Verdict
from .._inspect.transcript import record
from .._results.collectors import collect
from .._sandbox.read_files import read_files
from .session import Session

T = TypeVar("T", bound=BaseModel)

_MAX_BYTES = 1 << 20
_TIMEOUT = 10
_NOT_YET = "The agent has not finished yet."

_REQUEST = """When you are done, write your result as JSON to this file, which is not part of the task:

{path}

The file must contain only one JSON value that is valid against this JSON schema:

{schema}

If one of your tools refuses a path outside the working directory, write the file with a shell command."""

_WRONG = """The result in {path} is not valid:

{problems}

Fix these problems, and write the whole file again."""

_MISSING = "the file does not exist, or is not a regular file"


class Feedback(NamedTuple):
    """Feedback on the agent's work.

    Args:
        text: The next prompt.
        phase: Name of the next attempt's span.
    """

    text: str
    phase: str


class Check(Protocol):
    """A check of the agent's work so far, with its own limit on tries."""

    async def request(self, session: Session) -> str:
        """Return text to append to the first prompt, or an empty string."""

    async def __call__(self, session: Session) -> Feedback | None:
        """Return feedback for the agent, or None if the check passes or no tries are left."""


class ScoreCheck:
    """Scored attempts: a check by the task's own scorers.

    Args:
        attempts: Number of attempts, the function that rates a score, and the message after an incorrect attempt.
    """

    def __init__(self, attempts: AgentAttempts) -> None:
        self._attempts = attempts

    async def request(self, session: Session) -> str:
        """Return an empty string: the prompt does not mention scoring."""
        return ""

    async def __call__(self, session: Session) -> Feedback | None:
        """Score the attempt, if another one is allowed, and return feedback on an incorrect one."""
        session.attempts += 1
        if session.attempts >= self._attempts.attempts:
            return None
        await collect(session, session.collectors)
        state = session.state
        scores = await score(state)
        if scores and self._attempts.score_value(scores[0].value) == 1.0:
            return None
        message = self._attempts.incorrect_message
        if callable(message):
            text = message(state, scores)
            message = await text if inspect.isawaitable(text) else str(text)
        return Feedback(message, f"attempt {session.attempts + 1}")


class SweResult(StoreModel):
    """An agent's result in the sample's store, as `result_of()` reads it.

    Attributes:
        data: The result, if it is valid.
        raw: The last text that the agent wrote, valid or not.
        error: The reason that there is no valid result; None if there is one.
        tries: Number of times the result was checked.
    """

    data: Any = None
    raw: str | None = None
    error: str | None = None
    tries: int = 0


def result_of(state: TaskState | EvalSample | Store, model: type[T]) -> T | None:
    """Return the result of an agent with `response_schema=`.

    Args:
        state: A scorer's state, a sample of a log, or a sample's store.
        model: The pydantic model from the agent's `response_schema`.

    Returns:
        The result, or None if there is no valid one. `SweResult.error` has the reason.

    Raises:
        pydantic.ValidationError: The result was validated against another model, and does not match this one.

    Examples:
        ```python
        from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
        from inspect_ai.solver import TaskState
        from pydantic import BaseModel

        from inspect_swe import claude_code, result_of


        class Report(BaseModel):
            passed: bool
            summary: str


        agent = claude_code(response_schema=Report)


        @scorer(metrics=[accuracy()])
        def reported() -> Scorer:
            async def score(state: TaskState, target: Target) -> Score:
                report = result_of(state, Report)
                return Score(value=report is not None and report.passed)

            return score
        ```
    """
    source = state if isinstance(state, Store) else state.store
    # Use a copy: a `StoreModel` writes its defaults into the store that it reads.
    result = SweResult(
        store=Store({key: value for key, value in source.items() if key.startswith(f"{SweResult.__name__}:")})
    )
    return None if result.tries == 0 or result.error is not None else model.model_validate_json(_compact(result.data))


class ResultCheck:
    """A check that the agent's result is valid.

    Args:
        spec: The specification of the result.
    """

    def __init__(self, spec: ResultSpec) -> None:
        self._spec = spec
        self._schema = Schema(spec.schema)
        # Each call has its own file name, so that the file of an earlier call does not count.
        self._name = f"result-{secrets.token_hex(4)}.json"
        self._path = self._name
        self._tries = self._corrections = 0

    async def request(self, session: Session) -> str:
        """Return the request for the result, and clear the result of an earlier call."""
        _save(None, Verdict(None, (_NOT_YET,)), 0)
        folder = await session.workspace.shell('cd "$1" && pwd -P', session.context.config)
        self._path = f"{folder.stdout.rstrip()}/{self._name}"
        request = _REQUEST.format(path=self._path, schema=self._schema.text)
        return f"{request}\n\n{self._spec.instructions}" if self._spec.instructions else request

    async def __call__(self, session: Session) -> Feedback | None:
        """Validate the agent's file: set a valid result as the answer, or return feedback while retries are left."""
        text, verdict = await self._read(session)
        self._tries += 1
        _save(text, verdict, self._tries)
        data: dict[str, JsonValue] = {"event": "result", "try": self._tries, "problems": [*verdict.problems]}
        record(InfoEvent(data=data, source="inspect_swe"))
        if not verdict.problems:
            session.set_answer(_compact(verdict.data))
            return None
        refused = session.state.output.stop_reason == "content_filter"
        if refused or self._corrections >= self._spec.retries:
            return None
        self._corrections += 1
        problems = "\n".join(f"- {problem}" for problem in verdict.problems)
        return Feedback(_WRONG.format(path=self._path, problems=problems), f"correction {self._corrections}")

    async def _read(self, session: Session) -> tuple[str | None, Verdict]:
        try:
            with anyio.fail_after(_TIMEOUT):
                (content,) = await read_files(session.workspace, [self._path], _MAX_BYTES, _MAX_BYTES)
        except TimeoutError:
            return None, Verdict(None, (f"the file could not be read within {_TIMEOUT} seconds",))
        if content is None:
            return None, Verdict(None, (_MISSING,))
        if len(content) > _MAX_BYTES:
            return None, Verdict(None, (f"the file is larger than {_MAX_BYTES >> 20} MiB",))
        text = content.decode(errors="replace")
        return text, self._schema.judge(text)


def _save(raw: str | None, verdict: Verdict, tries: int) -> None:
    result = store_as(SweResult)
    result.data, result.raw, result.tries = verdict.data, raw, tries
    result.error = "\n".join(verdict.problems) or None


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
