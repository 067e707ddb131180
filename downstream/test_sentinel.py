"""inspect-sentinel: a protocol rejects a command of a CLI before it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_sentinel import BeforeToolCall, Context, Decision, Escalations, Protocol, call_text, protocol

from inspect_swe import claude_code, codex_cli
from inspect_swe.testing import say, shell
from tests.e2e.harness import run_agent


@protocol
def no_secrets() -> Protocol:
    async def decide(context: Context, step: BeforeToolCall, escalations: Escalations) -> Decision:
        if "secrets" in call_text(step.call):
            return Decision(action="reject", message="SECRETS-REFUSED", explanation="It touches secrets.")
        return Decision(action="proceed")

    return decide


@pytest.mark.docker
@pytest.mark.parametrize("factory", [claude_code, codex_cli])
def test_a_rejected_command(factory: type, tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        factory(),
        [shell("touch /workspace/secrets"), shell("touch /workspace/other"), say("Done.")],
        show="ls /workspace",
        evaluation={"sentinel": no_secrets()},
    )
    assert run.seen == "other\n"
    assert any("SECRETS-REFUSED" in message.text for request in run.requests for message in request.messages)
