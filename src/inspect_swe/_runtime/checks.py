"""Checks of a finished prompt: the agent is done, or goes on in its session with what is wrong."""

from __future__ import annotations

import inspect
from typing import NamedTuple, Protocol

from inspect_ai.agent import AgentAttempts
from inspect_ai.scorer import score

from .._results.collectors import collect
from .session import Session


class Feedback(NamedTuple):
    """What the agent is told.

    Args:
        text: The prompt.
        phase: Name of the span in which it works on that.
    """

    text: str
    phase: str


class Check(Protocol):
    """Looks at what the agent has done so far; each check has a number of tries of its own."""

    async def request(self, session: Session) -> str:
        """What the first prompt has to say of it; nothing, if it is empty."""

    async def __call__(self, session: Session) -> Feedback | None:
        """What to tell the agent; None where all is well, or nothing more may be asked of it."""


class ScoreCheck:
    """The task's own scorers: scored attempts.

    Args:
        attempts: How many there are, what counts as right, and what to say to a wrong one.
    """

    def __init__(self, attempts: AgentAttempts) -> None:
        self._attempts = attempts

    async def request(self, session: Session) -> str:
        """The agent is not told that it is scored."""
        return ""

    async def __call__(self, session: Session) -> Feedback | None:
        """Score the attempt, if another one is allowed."""
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
