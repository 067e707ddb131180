"""Runs an agent to its end: prompts, checks after a finished prompt, crashes resumed in place."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import anyio
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import score

from .._errors import AgentCrashError, AgentError, SandboxUnsupportedError, ToolsMissingError
from .adapter import Exit, Outcome, Turn, Verdict
from .output import missing_libraries
from .policy import Action, action_after
from .session import Session

logger = logging.getLogger(__name__)

_GO_ON = "You were interrupted by an error. Continue with what you were doing."

# Inspect has retried already, as the eval's settings say.
_PROVIDER_ERRORS = 1
_PROVIDER_PAUSE = 5


async def run_unattended(session: Session, turn: Turn) -> None:
    """Let the agent work until it is done and its checks are content.

    Args:
        session: The agent.
        turn: The first prompt.

    Raises:
        AgentError: The CLI failed, with the reason it gave and the end of its output.
    """
    session.link.traffic.may_restart = True
    if session.options.attempts.attempts == 1:
        await _run_turn(session, turn)
        return
    session.tell_what_runs(session.adapter.turn(session.site, turn).argv)
    attempt = 1
    while True:
        async with session.phase(f"attempt {attempt}", "attempt"):
            await _run_turn(session, turn)
            feedback = await _check_attempt(session, attempt)
        if feedback is None:
            return
        turn = Turn(feedback, True)
        attempt += 1


async def _check_attempt(session: Session, attempt: int) -> str | None:
    """Score the attempt, if another one is allowed; what to tell the agent if it was wrong."""
    attempts = session.options.attempts
    if attempt >= attempts.attempts:
        return None
    state = session.link.bridge.state
    scores = await score(state)
    if scores and attempts.score_value(scores[0].value) == 1.0:
        return None
    if not callable(attempts.incorrect_message):
        return attempts.incorrect_message
    message = attempts.incorrect_message(state, scores)
    return await message if inspect.isawaitable(message) else str(message)


async def _run_turn(session: Session, turn: Turn) -> None:
    """One prompt, resumed in the same session where the policy says so."""
    crashes, provider_errors = session.options.retry_crashes, _PROVIDER_ERRORS
    while True:
        before = session.link.progress()
        end = await session.spawn(turn)
        verdict = session.adapter.judge(end)
        if (missing := _tools_missing(session, end, verdict)) is not None:
            _start_once_more(session, turn, missing)
            continue
        asked = session.link.progress() > before
        failure = session.link.traffic.failure
        action = action_after(verdict, failure)
        if not asked and (error := _error_of_beginning(session, end, action)) is not None:
            raise error
        if action is Action.SCORE:
            if verdict.outcome is Outcome.DONE:
                _put_answer(session, verdict.answer)
            return
        left = provider_errors if failure is not None else crashes
        if action is Action.FAIL or left == 0:
            raise _error(session, end, verdict)
        if failure is not None:
            provider_errors -= 1
            await anyio.sleep(_PROVIDER_PAUSE)
        else:
            crashes -= 1
        logger.warning("%s %s; resuming its session.", session.adapter.label, _what_happened(end, failure))
        if asked:
            turn = Turn(_GO_ON, True)


def _start_once_more(session: Session, turn: Turn, missing: ToolsMissingError) -> None:
    """Servers may need longer than their CLI waits for them; the model has not been asked anything yet."""
    if not session.link.traffic.may_restart:
        raise missing
    session.link.traffic.may_restart = False
    logger.warning("%s Starting %s once more.", missing.summary, session.adapter.label)
    if not turn.resume:
        session.forget()


def _error_of_beginning(session: Session, end: Exit, action: Action) -> AgentError | None:
    """The error of a CLI that has ended before it asked the model anything, unless it may be tried again."""
    label = session.adapter.label
    if action is Action.SCORE:
        return AgentError(
            f"{label} ended without having asked the model anything.",
            hint="what it printed says why; scoring such a run would be wrong.",
            exit_code=end.code,
            stdout=end.stdout,
            stderr=end.stderr,
        )
    if libraries := missing_libraries(end.stderr):
        return SandboxUnsupportedError(
            f"{label} cannot run in this sandbox, which lacks {', '.join(libraries)}.",
            hint="install what has them in the image: libstdc++6 on Debian, libstdc++ (with libgcc) on Alpine.",
            exit_code=end.code,
            stderr=end.stderr,
        )
    return None


def _tools_missing(session: Session, end: Exit, verdict: Verdict) -> ToolsMissingError | None:
    """The error of a CLI that has offered the model less than all MCP tools, or that did not begin without them."""
    if session.link.traffic.tools_missing is not None:
        return session.link.traffic.tools_missing
    named = [server.name for server in session.options.mcp_servers if server.name in verdict.reason]
    if verdict.outcome is not Outcome.FAILED or session.link.progress() > 0 or not named:
        return None
    return ToolsMissingError(
        f"{session.adapter.label} did not begin without MCP server {named[0]!r}: {verdict.reason}",
        hint="check that the server starts in the sandbox.",
        exit_code=end.code,
        stdout=end.stdout,
        stderr=end.stderr,
    )


def _put_answer(session: Session, answer: str | None) -> None:
    """Make the agent's answer the output, where the model's last message is not it. The conversation stays as it is."""
    state = session.link.bridge.state
    if answer and not state.output.empty:
        output = ModelOutput.from_content(state.output.model, answer)
        output.usage = state.output.usage
        state.output = output


def _what_happened(end: Exit, failure: tuple[int | None, str] | None) -> str:
    return f"crashed ({_status(end)})" if failure is None else f"gave up after HTTP {failure[0]} of the provider"


def _status(end: Exit) -> str:
    return f"signal {-end.code}" if end.code < 0 else f"exit code {end.code}"


def _error(session: Session, end: Exit, verdict: Verdict) -> AgentError:
    label = session.adapter.label
    details: dict[str, Any] = {"exit_code": end.code, "stdout": end.stdout, "stderr": end.stderr}
    if (failure := session.provider_error(**details)) is not None:
        return failure
    reason = f": {verdict.reason}" if verdict.reason else "."
    if verdict.outcome is Outcome.FAILED:
        return AgentError(f"{label} failed{reason}", **details)
    return AgentCrashError(
        f"{label} crashed with {_status(end)} and was not resumed any more{reason}",
        hint="its last output says more; whatever it had done until then is in the transcript.",
        **details,
    )
