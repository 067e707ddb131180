"""`inspect-swe check --fidelity`: its output and exit codes, without running a CLI."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from inspect_swe._cli import main
from inspect_swe.conformance import _fidelity
from inspect_swe.conformance._fidelity import Comparison, Difference

LOST = Difference("body.thinking", '{"type": "adaptive"}', "(absent)", "root 1", 12)
MEANT = Difference("body.stream", "true", "(absent)", "root 1", 12, "Inspect may wait.")


def run(monkeypatch: pytest.MonkeyPatch, comparison: Comparison, *arguments: str) -> Result:
    monkeypatch.setattr(_fidelity, "run_fidelity", lambda names, image, version: [comparison])
    return CliRunner().invoke(main, ["check", "claude_code", "--fidelity", *arguments])


def compared(*differences: Difference, cache_eval: float = 90, errors: list[str] | None = None) -> Comparison:
    model = "anthropic/claude-opus-5-5"
    return Comparison("claude_code", "2.1.329", model, 12, list(differences), 90, cache_eval, errors or [])


def test_deliberate_differences_are_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, compared(MEANT))
    assert result.exit_code == 0, result.output
    assert "claude_code" in result.output and "body.stream" not in result.output


@pytest.mark.parametrize(
    "comparison", [compared(MEANT, LOST), compared(cache_eval=80), compared(errors=["in an eval: HTTP 400"])]
)
def test_anything_else_is_a_failure(monkeypatch: pytest.MonkeyPatch, comparison: Comparison) -> None:
    assert run(monkeypatch, comparison).exit_code == 1


def test_findings_are_printed_with_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(monkeypatch, compared(LOST)).output
    assert "body.thinking (12, first in root 1)" in output
    assert 'directly: {"type": "adaptive"}' in output and "in an eval: (absent)" in output


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = json.loads(run(monkeypatch, compared(MEANT, LOST), "--json").stdout)
    assert told["ok"] is False and [each["path"] for each in told["differences"]] == ["body.stream", "body.thinking"]


@pytest.mark.parametrize("arguments", [["--only", "basic"], ["--log-dir", "x"], ["--max-samples", "1"]])
def test_options_of_the_other_suite_are_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["check", "claude_code", "--fidelity", *arguments])
    assert result.exit_code == 2 and "--fidelity takes neither" in result.output


def test_unknown_agents_are_refused() -> None:
    result = CliRunner().invoke(main, ["check", "claude_cod", "--fidelity"])
    assert result.exit_code == 2 and "Did you mean 'claude_code'" in result.output
