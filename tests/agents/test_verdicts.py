"""Verdicts on the ends of processes, as the real CLIs print them. `test_roster.py` has the crashes of all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inspect_swe._agents.antigravity.agent import Antigravity
from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._agents.codex_cli.agent import CodexCli
from inspect_swe._agents.copilot_cli.agent import CopilotCli
from inspect_swe._agents.gemini_cli.agent import GeminiCli
from inspect_swe._agents.kimi_code.agent import KimiCode
from inspect_swe._agents.opencode.agent import OpenCode
from inspect_swe._agents.pi.agent import Pi
from inspect_swe._agents.qwen_code.agent import QwenCode
from inspect_swe._contract.adapter import Adapter, Exit, Outcome

from .support import ended

BEGUN, COMPLETED = {"type": "turn.started"}, {"type": "turn.completed", "usage": {}}
FILTERED = "stream disconnected before completion: Incomplete response returned, reason: content_filter"
HINT = {"role": "meta", "type": "session.resume_hint", "session_id": "session_1"}
BLOCKED = "Provider safety policy blocked the response."
SESSION = {"type": "session", "sessionID": "ses_1"}
SILENT = "[API Error: Model stream ended with empty response text.]"


def turn_failed(message: str) -> dict[str, Any]:
    return {"type": "turn.failed", "error": {"message": message}}


def session_error(message: str) -> dict[str, Any]:
    return {"type": "session.error", "data": {"message": message}}


def named_error(name: str, message: str) -> dict[str, Any]:
    return {"type": "error", "sessionID": "ses_1", "error": {"name": name, "data": {"message": message}}}


def gave_up(code: int = 1, raw: str | None = None, **event: str) -> Exit:
    line = json.dumps({"type": "pi_end", "reason": "error", "raw": raw, **event})
    return Exit(code, "", f"Warning: x\n{line}\n")


VERDICTS: dict[type[Adapter], list[tuple[Exit, Outcome, str]]] = {
    Antigravity: [
        (ended(0, {"type": "step"}, {"type": "result", "status": "Done", "answer": "42"}), Outcome.DONE, ""),
        (ended(1, {"type": "result", "status": "Refused", "reason": "blocked"}), Outcome.REFUSED, "blocked"),
        (ended(1, {"type": "result", "status": "Failed", "reason": "HTTP 400"}), Outcome.FAILED, "HTTP 400"),
        (ended(-9, {"type": "step"}), Outcome.CRASHED, ""),
        (Exit(1, "half a line {", "Harness process exited unexpectedly"), Outcome.CRASHED, ""),
    ],
    ClaudeCode: [
        (ended(0, {"type": "result", "subtype": "success", "is_error": False}), Outcome.DONE, ""),
        (ended(1, {"type": "result", "is_error": True, "stop_reason": "refusal"}), Outcome.REFUSED, ""),
        (
            ended(1, {"type": "result", "is_error": True, "result": "API Error: 400 no"}),
            Outcome.FAILED,
            "API Error: 400 no",
        ),
        (ended(0), Outcome.CRASHED, ""),
        (ended(0, {"type": "result", "is_error": True, "result": "no"}), Outcome.FAILED, "no"),
        (ended(-9, {"type": "result", "is_error": False, "result": "done"}), Outcome.DONE, ""),
        (ended(1, {"type": "result", "is_error": True, "stop_reason": "refusal", "x": "\u2028"}), Outcome.REFUSED, ""),
        (ended(-9, {"type": "assistant"}), Outcome.CRASHED, ""),
        (ended(137), Outcome.CRASHED, ""),
    ],
    CodexCli: [
        (ended(0, BEGUN, COMPLETED), Outcome.DONE, ""),
        (ended(-9, BEGUN, COMPLETED), Outcome.DONE, ""),
        (ended(1, BEGUN, turn_failed("no")), Outcome.FAILED, "no"),
        (ended(1, BEGUN, turn_failed(FILTERED)), Outcome.REFUSED, FILTERED),
        (ended(-9, BEGUN, COMPLETED, BEGUN), Outcome.CRASHED, ""),
        (
            ended(1, stderr="Error: thread/resume failed: no rollout found"),
            Outcome.FAILED,
            "Error: thread/resume failed: no rollout found",
        ),
        (
            ended(1, stderr="2026-01-01 WARN x\nError loading config.toml: bad\nmore"),
            Outcome.FAILED,
            "Error loading config.toml: bad",
        ),
        (ended(2, stderr="error: unexpected argument"), Outcome.FAILED, "error: unexpected argument"),
        (ended(101, stderr="thread 'main' panicked\nerror: x"), Outcome.CRASHED, ""),
        (ended(0), Outcome.CRASHED, ""),
    ],
    CopilotCli: [
        (ended(0, {"type": "result", "exitCode": 0}), Outcome.DONE, ""),
        (
            ended(1, session_error("529 overloaded"), {"type": "result", "exitCode": 1}),
            Outcome.FAILED,
            "529 overloaded",
        ),
        (ended(-9, {"type": "user.message"}), Outcome.CRASHED, ""),
        (ended(1, {"type": "user.message"}, stderr="a trace"), Outcome.CRASHED, ""),
        (ended(1, stderr="Invalid provider type\nUsage: ...\n"), Outcome.FAILED, "Invalid provider type"),
    ],
    GeminiCli: [
        (ended(0, {"type": "result", "status": "success"}), Outcome.DONE, ""),
        (ended(0, {"type": "error", "message": "blocked"}, {"type": "result", "status": "error"}), Outcome.REFUSED, ""),
        (ended(144, {"type": "result", "status": "error", "error": {"message": "no"}}), Outcome.FAILED, "no"),
        (ended(-9, {"type": "result", "status": "success"}, {"type": "message"}), Outcome.DONE, ""),
        (ended(-9, {"type": "tool_use"}), Outcome.CRASHED, ""),
    ],
    KimiCode: [
        (ended(0, HINT), Outcome.DONE, ""),
        (ended(1, stderr=f"error: failed to run prompt: {BLOCKED}\nSee log: x\n"), Outcome.REFUSED, BLOCKED),
        (
            ended(1, stderr="error: failed to run prompt: provider.api_error: 400 no\n"),
            Outcome.FAILED,
            "provider.api_error: 400 no",
        ),
        (ended(-9, {"role": "assistant"}), Outcome.CRASHED, ""),
        (Exit(134, "half a line {", "FATAL ERROR: heap out of memory"), Outcome.CRASHED, ""),
    ],
    OpenCode: [
        (ended(0, SESSION), Outcome.DONE, ""),
        (ended(1, SESSION, named_error("ContentFilterError", "blocked")), Outcome.REFUSED, "blocked"),
        (ended(1, SESSION, named_error("APIError", "no credit")), Outcome.FAILED, "no credit"),
        (ended(1, {"type": "error", "error": {"name": "Odd"}}), Outcome.FAILED, "Odd"),
        (ended(1, stderr="\x1b[91m\x1b[1mError: \x1b[0mNot valid JSON\n{"), Outcome.FAILED, "Not valid JSON"),
        (ended(1, SESSION, stderr="Error: something\n"), Outcome.CRASHED, ""),
        (ended(-9, SESSION), Outcome.CRASHED, ""),
        (ended(132, stderr="panic"), Outcome.CRASHED, ""),
    ],
    Pi: [
        (gave_up(0, reason="stop"), Outcome.DONE, ""),
        (gave_up(reason="length"), Outcome.DONE, ""),
        (gave_up(0, error="400 no"), Outcome.FAILED, "400 no"),
        (gave_up(-9, error="context is full"), Outcome.CRASHED, ""),
        (gave_up(error="Response incomplete: content_filter"), Outcome.REFUSED, "Response incomplete: content_filter"),
        (gave_up(raw="refusal", error="It is about X."), Outcome.REFUSED, "It is about X."),
        (gave_up(error="connect ECONNREFUSED"), Outcome.FAILED, "connect ECONNREFUSED"),
        (Exit(1, "", "Warning: x\nError: bad file\n  at y"), Outcome.FAILED, "bad file"),
        (Exit(-9, "", "Error: x"), Outcome.CRASHED, ""),
    ],
    QwenCode: [
        (ended(0, {"type": "result", "is_error": False}), Outcome.DONE, ""),
        (ended(1, {"type": "result", "is_error": True, "error": {"message": "no"}}), Outcome.FAILED, "no"),
        (ended(1, {"type": "result", "is_error": True}), Outcome.FAILED, ""),
        (
            ended(1, {"type": "result", "is_error": True, "error": {"message": SILENT}}),
            Outcome.REFUSED,
            SILENT,
        ),
        (ended(-9, {"type": "assistant"}), Outcome.CRASHED, ""),
    ],
}

CASES = [(adapter, *verdict) for adapter, verdicts in VERDICTS.items() for verdict in verdicts]


@pytest.mark.parametrize(("adapter", "end", "outcome", "reason"), CASES)
def test_verdict(adapter: type[Adapter], end: Exit, outcome: Outcome, reason: str) -> None:
    verdict = adapter().judge(end)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
