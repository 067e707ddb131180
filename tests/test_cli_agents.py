"""`inspect-swe agents`."""

from __future__ import annotations

import json

from click.testing import CliRunner

from inspect_swe._agents import ROSTER
from inspect_swe._cli import main
from inspect_swe._packages.pins import Pins


def test_agents_for_people() -> None:
    result = CliRunner().invoke(main, ["agents"], catch_exceptions=False)
    assert result.exit_code == 0
    for adapter in ROSTER:
        assert f"{adapter.label}" in result.stdout and Pins.load().pin(adapter.key).version in result.stdout
    assert "interactive_claude_code" in result.stdout and "interactive_mini_swe_agent" not in result.stdout
    assert "  tools, execute: Bash, " in result.stdout


def test_agents_for_machines() -> None:
    result = CliRunner().invoke(main, ["agents", "--json"], catch_exceptions=False)
    entries = {entry["agent"]: entry for entry in json.loads(result.stdout)}
    assert list(entries) == [adapter.key for adapter in ROSTER]
    claude = entries["claude_code"]
    assert claude["options"][:2] == ["name", "description"] and claude["options"][-1] == "keep_session"
    assert claude["tools"]["Bash"] == "execute" and claude["interactive"] == "interactive_claude_code"
    assert claude["platforms"] == sorted(Pins.load().pin("claude_code").releases)
    assert len(entries["mini_swe_agent"]["platforms"]) == 4
