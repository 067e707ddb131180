"""What is done about each way in which a run can end: the table that the docs show, and that the runtime goes by."""

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
    """What is done."""

    SCORE = "score"
    RESUME = "resume"
    FAIL = "fail"


_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_NO_QUOTA = re.compile(r"insufficient.quota|current quota|credit balance|billing|usage limit", re.IGNORECASE)
_RETRY = "this is the provider's error, not the agent's; retry the sample (--retry-on-error) once it is gone."

AFTER_OUTCOME: Mapping[Outcome, Action] = {
    Outcome.DONE: Action.SCORE,
    Outcome.REFUSED: Action.SCORE,
    Outcome.CRASHED: Action.RESUME,
    Outcome.FAILED: Action.FAIL,
}
"""What follows when the CLI has ended by itself. After a provider's error that may be gone soon it is resumed, too."""

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
"""What was done before each error: RESUME means that it stands for a resumed CLI that met the same again."""


def action_after(
    verdict: Verdict, failure: tuple[int | None, str] | None, cut: bool = False, stopped: bool = False
) -> Action:
    """What follows when the CLI has ended.

    Args:
        verdict: The adapter's judgement.
        failure: Status and message of the provider's error that the CLI's last request met, if it met one.
        cut: Whether the model's last answer reached the output limit.
        stopped: Whether the CLI was stopped after too many such answers in a row.
    """
    if stopped or (cut and verdict.outcome is Outcome.FAILED):
        return Action.SCORE
    if verdict.outcome is Outcome.FAILED and failure is not None and is_transient(*failure):
        return Action.RESUME
    return AFTER_OUTCOME[verdict.outcome]


def is_transient(status: int | None, message: str) -> bool:
    """Whether a provider's error may be gone soon."""
    return status in _TRANSIENT and not _NO_QUOTA.search(message)


def provider_error_kind(status: int | None, message: str) -> tuple[type[ProviderError], str]:
    """The type of a provider's error, and what to do about it."""
    if status == 402 or (status in (403, 429) and _NO_QUOTA.search(message)):
        return ProviderQuotaError, "the account with the provider has no quota left: see to that, then retry the eval."
    if status == 429:
        return ProviderRateLimitError, f"{_RETRY} Fewer connections (--max-connections) meet fewer rate limits."
    return ProviderError, _RETRY
