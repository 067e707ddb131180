from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from inspect_swe import AgentError, ProviderError, ProviderQuotaError, ProviderRateLimitError, _errors
from inspect_swe._contract.adapter import Outcome, Verdict
from inspect_swe._runtime.policy import AFTER_OUTCOME, OF_ERROR, Action, action_after, is_transient, provider_error_kind

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "troubleshooting.md"
NOT_OF_A_RUN = {
    "ComparisonError",
    "ExportError",
    "ACPError",
    "SessionStartError",
    "RegistryError",
    "UnknownVersionError",
    "DigestMismatchError",
}
NOT_OF_A_RUN |= {
    "EntryPointError",
    "InspectVersionError",
    "SessionClosedError",
    "SnapshotTooLargeError",
    "SolutionError",
}
"""Bases, kinds of errors that are in the table, and errors of what runs no CLI."""


def test_every_outcome_and_error_has_an_action() -> None:
    assert set(AFTER_OUTCOME) == set(Outcome)
    errors = {name for name, value in vars(_errors).items() if inspect.isclass(value)}
    assert {error.__name__ for error in OF_ERROR} == errors - NOT_OF_A_RUN


def test_the_page_says_the_same() -> None:
    rows = re.findall(r"^\| .+ \| (resume|fail).* with (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: action for action, errors in rows for name in re.findall(r"`(\w+)`", errors)}
    actions = {error.__name__: action.value for error, action in OF_ERROR.items() if error.__name__ in told}
    # Whether a provider's error is resumed depends on its status: `ProviderError` is in two rows.
    assert {**told, "ProviderError": "resume"} == actions
    assert len(told) == 14


@pytest.mark.parametrize(
    ("outcome", "failure", "action"),
    [
        (Outcome.DONE, (529, "overloaded"), Action.SCORE),
        (Outcome.REFUSED, None, Action.SCORE),
        (Outcome.CRASHED, None, Action.RESUME),
        (Outcome.FAILED, None, Action.FAIL),
        (Outcome.FAILED, (400, "too long"), Action.FAIL),
        (Outcome.FAILED, (401, "who are you"), Action.FAIL),
        (Outcome.FAILED, (429, "slow down"), Action.RESUME),
        (Outcome.FAILED, (429, "You exceeded your current quota"), Action.FAIL),
        (Outcome.FAILED, (500, "exploded"), Action.RESUME),
        (Outcome.FAILED, (529, "overloaded"), Action.RESUME),
        (Outcome.FAILED, (None, "no status"), Action.FAIL),
    ],
)
def test_action(outcome: Outcome, failure: tuple[int | None, str] | None, action: Action) -> None:
    assert action_after(Verdict(outcome), failure) is action


@pytest.mark.parametrize(
    ("outcome", "cut", "stopped", "action"),
    [
        (Outcome.FAILED, True, False, Action.SCORE),
        (Outcome.FAILED, False, False, Action.FAIL),
        (Outcome.CRASHED, True, False, Action.RESUME),
        (Outcome.CRASHED, True, True, Action.SCORE),
        (Outcome.DONE, True, False, Action.SCORE),
    ],
)
def test_action_after_a_cut_answer(outcome: Outcome, cut: bool, stopped: bool, action: Action) -> None:
    assert action_after(Verdict(outcome), None, cut, stopped) is action


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (500, "exploded", ProviderError),
        (429, "slow down", ProviderRateLimitError),
        (429, "insufficient_quota", ProviderQuotaError),
        (402, "pay", ProviderQuotaError),
        (403, "Your credit balance is too low", ProviderQuotaError),
        (403, "forbidden", ProviderError),
        (None, "billing", ProviderError),
    ],
)
def test_kinds_of_provider_errors(status: int | None, message: str, kind: type[ProviderError]) -> None:
    found, hint = provider_error_kind(status, message)
    assert found is kind
    assert hint.endswith(".")
    assert not (found is ProviderQuotaError and is_transient(status, message))


def test_an_error_names_its_agent() -> None:
    error = AgentError("It broke.", exit_code=3, hint="mend it.")
    error.set_agent("Some CLI", "1.2")
    error.set_agent("Another", None)
    assert (error.agent, error.version) == ("Some CLI", "1.2")
    assert str(error) == "It broke.\nAgent: Some CLI 1.2.\nExit code: 3.\nWhat to do: mend it."
