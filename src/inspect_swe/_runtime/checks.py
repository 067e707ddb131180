"""Checks of a finished turn: the agent is done, or resumes its session with feedback."""

from __future__ import annotations

import inspect
from typing import NamedTuple, Protocol

from inspect_ai.agent import AgentAttempts
from inspect_ai.scorer import score

from .._results.collectors import collect
from .session import Session


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
            told = message(state, scores)
            message = await told if inspect.isawaitable(told) else str(told)
        return Feedback(message, f"attempt {session.attempts + 1}")
