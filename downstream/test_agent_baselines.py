"""agent-baselines (not on the package index): what its source takes from us, in the way that it does."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock, patch

import pytest
from inspect_ai.agent import is_agent

import inspect_swe

NAMES = ["claude_code", "codex_cli", "gemini_cli", "mini_swe_agent", "opencode"]


@pytest.mark.parametrize("name", NAMES)
def test_agents_by_name(name: str) -> None:
    assert is_agent(getattr(inspect_swe, name)(version="stable"))
    with patch(f"inspect_swe.{name}", return_value="patched") as factory:
        assert getattr(inspect_swe, name)(version="latest") == "patched"
        factory.assert_called_once_with(version="latest")
    assert not isinstance(getattr(inspect_swe, name), Mock)


def test_versions() -> None:
    from inspect_swe import __version__
    from inspect_swe._mini_swe_agent.mini_swe_agent import MINI_SWE_AGENT_SOURCE

    assert isinstance(__version__, str)
    assert MINI_SWE_AGENT_SOURCE.default_version == inspect_swe.resolve_agent_version("mini_swe_agent", "stable")


def test_binaries() -> None:
    inspect_swe.download_agent_binary("claude_code", "stable", "linux-x64")
    newest = max(inspect_swe.cached_agent_binaries("claude_code", quiet=True), key=lambda row: row.path.stat().st_mtime)
    assert newest.agent == "claude_code" and newest.version and isinstance(newest.path, Path)
