"""An unattended agent run: prompts, checks after each finished prompt, and recovery from crashes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
from inspect_ai.model import StopReason

from .._contract.adapter import Exit, Outcome, Turn, Verdict
from .._contract.options import AgentOptions
from .._contract.output import missing_libraries
from .._errors import AgentCrashError, AgentError, SandboxUnsupportedError, SessionRestoreError, ToolsMissingError
from .._inspect.private import forget_thread
from .checkpoints import GO_ON
from .checks import Check, Feedback, ResultCheck, ScoreCheck
from .policy import Action, action_after
from .session import Session

logger = logging.getLogger(__name__)

# Inspect itself has already retried, according to the eval's settings.
_PROVIDER_ERRORS = 1
_PROVIDER_PAUSE = 5


async def run_unattended(session: Session, turn: Turn) -> None:
    """Run the agent until its work passes all checks or they have no tries left.

    Args:
        session: The agent's session.
        turn: The first prompt.

    Raises:
        AgentError: The CLI failed. The error has the CLI's reason and the end of its output.
    """
    session.stats.may_restart = True
    checks = checks_of(session.options)
    if not checks:
        await _run_turn(session, turn)
        return
    requests = [await check.request(session) for check in checks]
    if not session.resumes:  # A resumed session already contains the requests.
        turn = replace(turn, prompt="\n\n".join(filter(None, [turn.prompt, *requests])))
    session.record_launch(session.adapter.turn(session.context, turn).argv)
    phase = f"attempt {session.attempts + 1}"
    while True:
        async with session.phase(phase, "attempt"):
            await _run_turn(session, turn)
            feedback = await _first_feedback(checks, session)
        if feedback is None:
            return
        turn, phase = Turn(feedback.text, True), feedback.phase


def checks_of(options: AgentOptions) -> list[Check]:
    """Return the checks that the options ask for, in the order in which they run."""
    checks: list[Check] = [ResultCheck(options.result)] if options.result is not None else []
    return [*checks, ScoreCheck(options.attempts)] if options.attempts.attempts > 1 else checks


async def _first_feedback(checks: Sequence[Check], session: Session) -> Feedback | None:
    for check in checks:
        if (feedback := await check(session)) is not None:
            return feedback
    return None


async def _run_turn(session: Session, turn: Turn) -> None:
    """Run one prompt, and resume it in the same session after failures that the policy allows to resume."""
    crashes, provider_errors = session.options.retry_crashes, _PROVIDER_ERRORS
    while True:
        before = session.stats.requests
        end = await session.spawn(turn)
        verdict = session.adapter.judge(end)
        if (missing := _tools_missing(session, end, verdict)) is not None:
            _restart(session, turn, missing)
            continue
        has_requested = session.stats.requests > before
        failure = session.stats.last_resort
        truncation = session.truncation if has_requested else None
        action = action_after(verdict, failure, truncation is not None, session.output_limit.is_reached)
        if not has_requested and (error := _error_of_beginning(session, end, action)) is not None:
            raise error
        if action is Action.SCORE:
            if not session.has_offered_tools:
                raise await session.policy_error("it offered the model no tools")
            _set_answer(session, verdict, truncation)
            return
        retries = provider_errors if failure is not None else crashes
        if action is Action.FAIL or retries == 0:
            raise _error(session, end, verdict)
        if failure is not None:
            provider_errors -= 1
            await anyio.sleep(_PROVIDER_PAUSE)
        else:
            crashes -= 1
        logger.warning("%s %s; resuming its session.", session.adapter.label, _description(end, failure))
        # The resumed CLI may have lost some or all of the conversation. Its next request redefines the conversation.
        forget_thread(session.bridge)
        if has_requested:
            turn = Turn(GO_ON, True)


def _set_answer(session: Session, verdict: Verdict, truncation: StopReason | None) -> None:
    """Set the agent's final answer as its output, and record a response that reached the output limit."""
    if truncation is not None:
        session.output_limit.record(truncation, verdict.reason)
    if verdict.outcome is Outcome.DONE and verdict.answer:
        session.set_answer(verdict.answer)


def _restart(session: Session, turn: Turn, missing: ToolsMissingError) -> None:
    """Prepare a second start of the CLI, whose MCP servers may have started too late, or raise the error.

    The model has not received a request yet.
    """
    if not session.stats.may_restart:
        raise missing
    session.stats.may_restart = False
    session.stats.tools_missing = None
    logger.warning("%s Restarting %s.", missing.summary, session.adapter.label)
    if not turn.resume:
        session.renew_session_id()


def _error_of_beginning(session: Session, end: Exit, action: Action) -> AgentError | None:
    """Return the specific error of a CLI that exited before its first model request, or None if there is none."""
    label = session.adapter.label
    if session.started.archive is not None and session.stats.requests == 0 and action is not Action.SCORE:
        return SessionRestoreError(
            f"{label} did not resume session {session.started.session_id}, which came with the sample.",
            hint="see its output for the reason; a session may need the CLI version that saved it.",
            **_details(end),
        )
    if action is Action.SCORE:
        return AgentError(
            f"{label} exited without a model request.",
            hint="see its output for the reason; such a run must not be scored.",
            **_details(end),
        )
    if libraries := missing_libraries(end.stderr):
        return SandboxUnsupportedError(
            f"{label} cannot run in this sandbox, which lacks {', '.join(libraries)}.",
            hint="install the packages in the image: libstdc++6 on Debian, libstdc++ (with libgcc) on Alpine.",
            exit_code=end.code,
            stderr=end.stderr,
        )
    return None


def _tools_missing(session: Session, end: Exit, verdict: Verdict) -> ToolsMissingError | None:
    """Return the error of a CLI that did not offer all MCP tools to the model, or did not start without a server."""
    if session.stats.tools_missing is not None:
        return session.stats.tools_missing
    servers = [server.name for server in session.options.mcp_servers if server.name in verdict.reason]
    if verdict.outcome is not Outcome.FAILED or session.stats.requests > 0 or not servers:
        return None
    return ToolsMissingError(
        f"{session.adapter.label} did not start without MCP server {servers[0]!r}: {verdict.reason}",
        hint="check that the server starts in the sandbox.",
        **_details(end),
    )


def _description(end: Exit, failure: tuple[int | None, str] | None) -> str:
    return f"crashed ({_status(end)})" if failure is None else f"gave up after HTTP {failure[0]} from the provider"


def _status(end: Exit) -> str:
    return f"signal {-end.code}" if end.code < 0 else f"exit code {end.code}"


def _details(end: Exit) -> dict[str, Any]:
    return {"exit_code": end.code, "stdout": end.stdout, "stderr": end.stderr}


def _error(session: Session, end: Exit, verdict: Verdict) -> AgentError:
    label = session.adapter.label
    details = _details(end)
    if (failure := session.provider_error(gave_up=True, **details)) is not None:
        return failure
    reason = f": {verdict.reason}" if verdict.reason else "."
    if verdict.outcome is Outcome.FAILED:
        return AgentError(f"{label} failed{reason}", **details)
    return AgentCrashError(
        f"{label} crashed with {_status(end)} and was not resumed again{reason}",
        hint="see the end of its output; its work until then is in the transcript.",
        **details,
    )
