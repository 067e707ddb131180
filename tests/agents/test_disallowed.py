"""`disallowed_tools`: a name that the CLI doesn't know would take away nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import inspect_swe
from inspect_swe import AgentOptionError

FACTORIES = ("claude_code", "interactive_claude_code", "kimi_code", "interactive_kimi_code")


@pytest.mark.parametrize("name", FACTORIES)
def test_an_unknown_tool_is_refused_with_the_closest_one(name: str) -> None:
    factory: Any = getattr(inspect_swe, name)
    with pytest.raises(AgentOptionError, match=r"has no tool 'websearch'\.\n.*\"WebSearch\""):
        factory(disallowed_tools=["Bash", "websearch"])
    with pytest.raises(AgentOptionError, match="its tools are Agent, "):
        factory(disallowed_tools=["zzz"])
    factory(disallowed_tools=["Bash", "mcp__notes__delete", "mcp__notes__*"])


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("version", ["sandbox", "latest", "0.0.1"])
def test_a_version_that_is_not_pinned_may_have_other_tools(
    name: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    factory: Any = getattr(inspect_swe, name)
    with caplog.at_level(logging.WARNING):
        factory(disallowed_tools=["BashNew"], version=version)
    assert "has no tool 'BashNew'" in caplog.text and 'did you mean "Bash"' in caplog.text


@pytest.mark.parametrize("rule", ["Bash(git:*)", "Bash(rm -rf (x))", "Read(/etc/**)", "Task(Explore)"])
def test_rules_of_claude_code(rule: str) -> None:
    inspect_swe.claude_code(disallowed_tools=[rule])
    with pytest.raises(AgentOptionError, match="has no tool"):
        inspect_swe.claude_code(disallowed_tools=[f"x{rule}"])


def test_codex_has_one_tool_to_take_away() -> None:
    inspect_swe.codex_cli(disallowed_tools="web_search")  # type: ignore[arg-type]
    with pytest.raises(AgentOptionError, match=r"disallowed_tools=\['websearch'\]"):
        inspect_swe.codex_cli(disallowed_tools=["websearch"])  # type: ignore[list-item]
