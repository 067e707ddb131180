"""What is special to the real Kimi Code, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspect_swe import kimi_code
from inspect_swe.testing import ScriptStep, fail, refuse, say, shell

from .harness import Run, run_agent


def asked(outcome: Run, request: int = 0) -> str:
    assert outcome.error is None, outcome.error
    return "\n".join(message.text for message in outcome.requests[request].messages)


@pytest.mark.parametrize("prompt", ["/goal status", "/goal Make it work.", "--help", "-", "@README.md ${cwd}"])
def test_a_prompt_arrives_as_it_is_written(tmp_path: Path, prompt: str) -> None:
    outcome = run_agent(tmp_path, kimi_code(), [say("ok")], prompt=prompt, files={"README.md": "SECRET-OF-THE-FILE"})
    assert prompt in asked(outcome)
    assert "SECRET" not in asked(outcome)


def test_a_system_prompt_is_no_template(tmp_path: Path) -> None:
    files = {"x": "SECRET-OF-THE-FILE"}
    text = asked(run_agent(tmp_path, kimi_code(system_prompt="Use ${cwd}, {{x}} and @./x."), [say("ok")], files=files))
    assert text.count("Use ${cwd}, {{x}} and @./x.") == 1
    assert "SECRET" not in text


def test_its_commands_do_not_load_what_it_loads(tmp_path: Path) -> None:
    agent = kimi_code(env={"NODE_OPTIONS": "--no-warnings"})
    outcome = run_agent(
        tmp_path, agent, [shell('echo "<$NODE_OPTIONS><$OTHER_NODE_OPTIONS>" > out'), say("ok")], show="cat out"
    )
    assert outcome.seen == "<--no-warnings><>\n"


def test_a_dangerous_command_runs(tmp_path: Path) -> None:
    script: list[ScriptStep] = [shell("mkdir -p /workspace/old && rm -rf /workspace/old && echo GONE"), say("ok")]
    outcome = run_agent(tmp_path, kimi_code(), script)
    assert "GONE" in asked(outcome, 1)


def test_a_provider_that_fails_is_asked_once(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, kimi_code(), [fail(400, "no such thing")] * 9)
    assert "no such thing" in (outcome.error or "")
    assert len(outcome.requests) == 1


def test_a_refusal_is_scored(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, kimi_code(), [shell("true"), *[refuse("")] * 9])
    assert outcome.error is None, outcome.error
    assert outcome.sample.scores


def test_tools_that_are_not_allowed(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, kimi_code(disallowed_tools=["FetchURL", "Agent"]), [say("ok")])
    assert outcome.error is None, outcome.error
    offered = {tool.name for tool in outcome.requests[0].tools}
    assert "Bash" in offered and not offered & {"FetchURL", "Agent"}
