"""Limits that Inspect does not have: on an agent's idle time, and on repeated tool calls."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING

import anyio
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ModelOutput
from inspect_ai.util import Limit, LimitExceededError

if TYPE_CHECKING:
    from .bridge_connection import BridgeConnection

_active: ContextVar[tuple[_AgentLimit, ...]] = ContextVar("agent limits of the running block", default=())


class _AgentLimit(Limit):
    """A limit on the agents of this package that start in its block."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self._max = limit
        self._reached = 0.0
        self._token: Token[tuple[_AgentLimit, ...]] | None = None

    def __enter__(self) -> Limit:
        self._check_reuse()
        self._token = _active.set((*_active.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            _active.reset(self._token)

    @property
    def limit(self) -> float:
        """The limit."""
        return self._max

    @property
    def usage(self) -> float:
        """The highest value that an agent has reached."""
        return self._reached

    def _exceeded(self, value: float, message: str) -> LimitExceededError:
        return LimitExceededError("custom", value=value, limit=self._max, message=message, source=self)


class IdleLimit(_AgentLimit):
    """A limit on idle time, created by `idle_limit()`."""

    async def watch(self, connection: BridgeConnection) -> LimitExceededError:
        """Wait until the agent has been idle for too long, and return the limit's error."""
        await connection.launched.wait()
        connection.stats.touch()
        while (idle := connection.stats.idle()) < self._max:
            self._reached = max(self._reached, idle)
            await anyio.sleep(max(self._max - idle, 0.01))
        self._reached = idle
        return self._exceeded(idle, f"The agent has made no model request for {self._max:g} seconds.")


class RepeatLimit(_AgentLimit):
    """A limit on repeated tool calls, created by `repeat_limit()`."""

    def counter(self) -> Repeats:
        """Return a counter for one agent."""
        return Repeats(self)

    def check(self, count: int) -> LimitExceededError | None:
        """Return the limit's error if a number of repetitions reaches the limit."""
        self._reached = max(self._reached, count)
        if count < self._max:
            return None
        return self._exceeded(count, f"The model has made the same tool calls {count} times in a row.")


class Repeats:
    """A counter of consecutive responses in which one agent's model makes the same tool calls.

    Args:
        limit: The limit to check the count against.
    """

    def __init__(self, limit: RepeatLimit) -> None:
        self._limit = limit
        self._last = ""
        self._count = 0
        self._message_count = 0

    def on_output(self, output: ModelOutput) -> LimitExceededError | None:
        """Count a response of the root conversation, and return the limit's error if it reaches the limit."""
        calls = [] if output.empty else output.message.tool_calls or []
        signature = json.dumps([(call.function, call.arguments) for call in calls], sort_keys=True, default=str)
        self._count = self._count + 1 if calls and signature == self._last else 1 if calls else 0
        self._last = signature
        return self._limit.check(self._count)

    def on_messages(self, messages: Sequence[ChatMessage]) -> LimitExceededError | None:
        """Count the last response in a request, unless the request is a repeated one.

        For a bridge that does not expose responses.
        """
        answer = next((each for each in reversed(messages) if isinstance(each, ChatMessageAssistant)), None)
        if answer is None or len(messages) == self._message_count:
            return None
        self._message_count = len(messages)
        return self.on_output(ModelOutput.from_message(answer))


def idle_limit(seconds: float) -> Limit:
    """Limit how long an agent of this package may be idle, with no model call running or starting.

    It ends CLIs that hang and commands that never finish, but also commands that simply take that long. For an
    interactive agent, the time between two prompts counts. Use it like Inspect's own limits:
    `as_solver(agent, limits=[idle_limit(600)])`, `handoff(..., limits=[...])`, or `with idle_limit(600): ...`.

    Args:
        seconds: Maximum idle time in seconds.

    Returns:
        A limit of type "custom".

    Raises:
        ValueError: `seconds` is not a number above 0.

    Examples:
        ```python
        from inspect_ai.agent import as_solver

        from inspect_swe import claude_code, idle_limit

        solver = as_solver(claude_code(), limits=[idle_limit(600)])
        ```
    """
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"idle_limit() needs a number of seconds above 0, not {seconds}.")
    return IdleLimit(seconds)


def repeat_limit(times: int) -> Limit:
    """Limit how often in a row the model of an agent of this package may make the same tool calls.

    Use it like Inspect's own limits: `as_solver(agent, limits=[repeat_limit(20)])`.

    Args:
        times: Number of consecutive responses with the same calls and arguments at which the run ends.

    Returns:
        A limit of type "custom".

    Raises:
        ValueError: `times` is below 2.

    Examples:
        ```python
        from inspect_ai.agent import as_solver

        from inspect_swe import claude_code, repeat_limit

        solver = as_solver(claude_code(), limits=[repeat_limit(20)])
        ```
    """
    if times < 2:
        raise ValueError(f"repeat_limit() needs a number of at least 2, not {times}.")
    return RepeatLimit(times)


def idle_limits() -> list[IdleLimit]:
    """Return the idle limits of the current block."""
    return [limit for limit in _active.get() if isinstance(limit, IdleLimit)]


def repeat_limits() -> list[RepeatLimit]:
    """Return the repeat limits of the current block."""
    return [limit for limit in _active.get() if isinstance(limit, RepeatLimit)]
