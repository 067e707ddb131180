"""Policy for each way a run can end: the table that the docs show and the runtime follows."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

from .._contract.adapter import Outcome, Verdict
from .._errors import (
    AgentCrashError,
    AgentError,
    AgentExitedError,
    AgentInstallError,
    AgentOptionError,
    AgentPolicyError,
    AgentStartError,
    ProviderError,
    ProviderQuotaError,
    ProviderRateLimitError,
    RoutingError,
    SandboxDiedError,
    SandboxUnsupportedError,
    SessionMismatchError,
    SessionRestoreError,
    ToolsMissingError,
    TurnActiveError,
    TurnFailedError,
)


class Action(enum.Enum):
    """A reaction to the end of a run."""

    SCORE = "score"
    RESUME = "resume"
    FAIL = "fail"


_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_NO_QUOTA = re.compile(r"insufficient.quota|current quota|credit balance|billing|usage limit", re.IGNORECASE)
_RETRY = "the model provider failed, not the agent; retry the sample later (--retry-on-error)."

AFTER_OUTCOME: Mapping[Outcome, Action] = {
    Outcome.DONE: Action.SCORE,
    Outcome.REFUSED: Action.SCORE,
    Outcome.CRASHED: Action.RESUME,
    Outcome.FAILED: Action.FAIL,
}
"""Action after the CLI exits by itself. The CLI is also resumed after a transient provider error."""

OF_ERROR: Mapping[type[AgentError], Action] = {
    AgentOptionError: Action.FAIL,
    AgentInstallError: Action.FAIL,
    SandboxUnsupportedError: Action.FAIL,
    SandboxDiedError: Action.FAIL,
    SessionMismatchError: Action.FAIL,
    SessionRestoreError: Action.FAIL,
    AgentStartError: Action.FAIL,
    AgentPolicyError: Action.FAIL,
    RoutingError: Action.FAIL,
    ToolsMissingError: Action.RESUME,
    AgentCrashError: Action.RESUME,
    AgentExitedError: Action.FAIL,
    TurnActiveError: Action.FAIL,
    TurnFailedError: Action.FAIL,
    ProviderError: Action.RESUME,
    ProviderRateLimitError: Action.RESUME,
    ProviderQuotaError: Action.FAIL,
    AgentError: Action.FAIL,
}
"""Action taken before each error is raised. RESUME means that the CLI was resumed and failed the same way again."""


def action_after(
    verdict: Verdict, failure: tuple[int | None, str] | None, truncated: bool = False, stopped: bool = False
) -> Action:
    """Return the action after the CLI exits.

    Args:
        verdict: The adapter's verdict.
        failure: Status and message of the provider error of the CLI's last request, if that failed.
        truncated: Whether the model's last response reached the output limit.
        stopped: Whether the CLI was stopped after too many such responses in a row.
    """
    if stopped or (truncated and verdict.outcome is Outcome.FAILED):
        return Action.SCORE
    if verdict.outcome is Outcome.FAILED and failure is not None and is_transient(*failure):
        return Action.RESUME
    return AFTER_OUTCOME[verdict.outcome]


def is_transient(status: int | None, message: str) -> bool:
    """Return whether a provider error is transient."""
    return status in _TRANSIENT and not _NO_QUOTA.search(message)


def provider_error_kind(status: int | None, message: str) -> tuple[type[ProviderError], str]:
    """Return the exception type for a provider error, and a hint on what to do about it."""
    if status == 402 or (status in (403, 429) and _NO_QUOTA.search(message)):
        return ProviderQuotaError, "the provider account has no quota left: add quota, then retry the eval."
    if status == 429:
        return ProviderRateLimitError, f"{_RETRY} Fewer connections (--max-connections) cause fewer rate limits."
    return ProviderError, _RETRY
