"""What is special to the real Kimi Code, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspect_swe import kimi_code
from inspect_swe.testing import ScriptStep, fail, refuse, say, shell

from .harness import asked, run_agent


@pytest.mark.parametrize("prompt", ["/goal status", "/goal Make it work.", "--help", "-", "@README.md ${cwd}"])
def test_a_prompt_arrives_as_it_is_written(tmp_path: Path, prompt: str) -> None:
    agent = kimi_code(system_prompt="Use ${cwd}, {{README.md}} and @./README.md.")
    text = asked(run_agent(tmp_path, agent, [say("ok")], prompt=prompt, files={"README.md": "SECRET-OF-THE-FILE"}))
    assert prompt in text and text.count("Use ${cwd}, {{README.md}} and @./README.md.") == 1
    assert "SECRET" not in text


def test_its_commands(tmp_path: Path) -> None:
    """They don't load what it loads, may be dangerous, and tools that are disallowed are not offered."""
    agent = kimi_code(env={"NODE_OPTIONS": "--no-warnings"}, disallowed_tools=["FetchURL", "Agent"])
    script: list[ScriptStep] = [
        shell('echo "<$NODE_OPTIONS><$OTHER_NODE_OPTIONS>" > out'),
        shell("mkdir -p /workspace/old && rm -rf /workspace/old && echo GONE"),
        say("ok"),
    ]
    outcome = run_agent(tmp_path, agent, script, show="cat out")
    assert outcome.seen == "<--no-warnings><>\n"
    assert "GONE" in asked(outcome, 2)
    offered = {tool.name for tool in outcome.requests[0].tools}
    assert "Bash" in offered and not offered & {"FetchURL", "Agent"}


def test_a_provider_that_fails_is_asked_once(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, kimi_code(), [fail(400, "no such thing")] * 9)
    assert "no such thing" in (outcome.error or "")
    assert len(outcome.requests) == 1


def test_a_refusal_is_scored(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, kimi_code(), [shell("true"), *[refuse("")] * 9])
    assert outcome.error is None, outcome.error
    assert outcome.sample.scores
