"""The functions about the agents' CLIs."""

from __future__ import annotations

import pytest

from inspect_swe import AgentOptionError, resolve_agent_version
from inspect_swe._agents import ROSTER
from inspect_swe._install import Pins


@pytest.mark.parametrize("agent", [adapter.key for adapter in ROSTER])
def test_stable_is_the_pin(agent: str) -> None:
    assert resolve_agent_version(agent, "stable") == Pins.load().pin(agent).version
    assert resolve_agent_version(agent, "1.2.3", platform="linux-arm64-musl") == "1.2.3"


@pytest.mark.parametrize(
    ("agent", "version"), [("nobody", "stable"), ("codex_cli", "newest"), ("codex_cli", "sandbox")]
)
def test_what_is_no_agent_or_no_version(agent: str, version: str) -> None:
    with pytest.raises(AgentOptionError):
        resolve_agent_version(agent, version)
